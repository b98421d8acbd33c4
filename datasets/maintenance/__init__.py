"""Upkeep of what is stored: proving that it is still what was written."""
