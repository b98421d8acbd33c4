"""Gaps: what an entry of the lake should hold by its calendar and does not.

`holes` tells them from times alone, `asks` joins them into ranges worth a call, `reading` is what a child does,
`detecting` asks the catalog and starts the children.
"""
