"""The API of this app: vendors, and candidates for the lake."""
