"""Formats of the operations desk, by language, as Django looks them up."""
