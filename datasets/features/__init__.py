"""Features: what is derived of the lake's tables and kept in the lake again, each row from what was known by then."""
