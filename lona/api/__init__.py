"""REST views of publications, mappings, the provider's symbols, strategies and backtests."""
