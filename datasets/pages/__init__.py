"""The pages of datasets: list, one dataset by tabs, pinned versions, differences, quality report, forms of its actions.

Each shows what the API of the same name tells and calls the same verbs; all reads are inside the actor's workspace.
"""
