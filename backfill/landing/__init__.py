"""Landing: an answer of a vendor becomes a durable Parquet file in staging, before anything is decided about it.

`asking` asks a vendor, `writing` is what a child does for it, `zones` keeps the files below NEXUS_HOME/staging.
"""
