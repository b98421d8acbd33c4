"""Nightly bundles of the lake that anyone reads without us: plain Parquet, checksums, and what was held back and why.

`planning` asks the catalog what a bundle consists of, `build` makes it in a folder of its own (`cutting` in a child
writes anew what must be, `documents` and `views` are the files beside the data) and `places` lets it appear at once.
`bundles` are the verbs, `pulls` counts who fetched one, `catalog` is catalog.json, `archive` a bundle as one stream,
`mirror` the small files alone.
"""
