"""What people see of the provider: publishes, mapping, backtests. Whose answers they are stands on each page."""
