"""Pages of this app: gaps of the lake and what was done about them."""
