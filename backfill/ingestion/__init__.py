"""Ingestion: candidates in, rows of the lake out, with an outcome for each.

`candidates` reads and whitelists what was handed in, `planning` tells fresh from stale, `requests` writes it down and
starts jobs, `carrying` is such a job, `settling` its outcomes, `watching` the folder that candidates may lie in.
"""
