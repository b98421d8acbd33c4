"""Market words: kinds and their columns, intervals, calendars and ranges.

Tables and values in, tables and values out; no Django.
"""
