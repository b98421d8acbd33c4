"""A local stand-in for Lona: its HTTP API, its own SQLite file, and a small backtest simulator.

Run as its own process by `python -m lona.sandbox --port N --home DIR`. It imports nothing of the platform, so that
the platform can only reach it as it reaches Lona: over HTTP. Everything it produces says provider "Sandbox (local)".
"""
