"""The embedded stack: web server, worker and Lona sandbox as one process group under a small supervisor.

Words: a *guard* is the outer process that owns the lock of a home and outlives the *supervisor* it forks; a *child* is
one long-running process of the stack; a *step* is a command that must succeed before the children start. Only the
standard library is imported here, so that watching the stack costs a few MiB; everything heavy lives in the children.
"""
