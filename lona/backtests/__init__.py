"""Strategies and their runs: `strategies` makes them, `requests` notes a run, `carry` does it, `outcome` keeps it."""
