"""Tests of the command line's nouns."""
