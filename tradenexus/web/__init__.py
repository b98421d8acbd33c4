"""The dashboard's frame: what every page shares. It knows no app; apps' pages derive from `web.page.Page`.

page (full page and fragment on one URL), tables (keyset pages), copy ("Copy as" commands), chips (state to glyph, word
and colour), figures (numbers, sizes, times as people read them), frame (what base.html needs), live (the newest event).
"""
