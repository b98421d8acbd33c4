"""Repair: the gaps of the lake are found, asked for where a vendor can fill them, and filled; nothing else is touched.

`selecting` reads what was asked for, `planning` makes ranges of gaps, `requests` writes a run down and starts its job,
`carrying` is that job, `settling` its outcomes, `asking` chooses vendors, `weekly` asks for every workspace.
"""
