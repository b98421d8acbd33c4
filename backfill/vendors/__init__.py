"""Vendors: whom we ask for data. `base` is the port, `registry` finds the adapters that the settings name."""
