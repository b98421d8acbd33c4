"""Ingestion: candidates in, rows of the lake out, with an outcome for each.

`candidates` reads and whitelists what was handed in, `planning` tells fresh from stale, `requests` writes it down and
starts jobs, `carrying` is such a job, `settling` its outcomes, `again` tries what failed once
more, `watching` is about the folder that candidates may lie in.
"""
