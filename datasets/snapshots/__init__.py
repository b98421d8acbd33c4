"""Snapshots: the lake's segments frozen for a run, proved whole, put down as files, kept and let go.

`freeze` makes one or names all that is unfit (`fitness`), `verify` reads every member again, `materialise` writes its
files into a folder (`writing` is the child), `keeping` pins and expires. `datasets.lake.frozen` reads what one holds.
"""
