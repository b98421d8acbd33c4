"""Resumable uploads: sessions (the rows and their verbs), protocol (tus 1.0 as an ASGI application), ingest (the job
that turns received bytes into an uploaded version), expiry (the sweep).

Words: offset = bytes that are durable; leaf = 8 MiB of the file with its own digest; tail = bytes on disk past the
offset; to settle = to make the tail durable and move the offset over it, or to cut it off.
"""
