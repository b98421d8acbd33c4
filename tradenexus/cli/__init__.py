"""`nexus`, the command line: a pure HTTP client of the platform's /v1 API.

It imports no Django and none of the apps, so it can be installed and started beside any server. Words: REF (a dataset
named by a person), profile (a named server), ledger (what was being transferred when the line was cut). Data goes to
stdout only.
"""
