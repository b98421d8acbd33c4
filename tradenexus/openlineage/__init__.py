"""Lineage for collectors, by the OpenLineage spec 2-0-2: run events of jobs that make or move data.

`facets` writes the parts of an event, `events` makes events of audit entries (their order is the order of commits),
`api` answers them. What a kind of job read and wrote is told by the functions that settings.NEXUS_OPENLINEAGE names.
"""
