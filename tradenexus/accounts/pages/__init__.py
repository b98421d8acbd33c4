"""Pages of signing in and of settings."""
