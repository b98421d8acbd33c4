"""Commands of `manage.py` for the provider."""
