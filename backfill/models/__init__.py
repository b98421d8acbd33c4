"""Rows of the backfill app: fields, constraints and indexes; verbs live in the modules above."""

from backfill.models.ingest import IngestItem, IngestRun, ItemState, TakenFile

__all__ = ["IngestItem", "IngestRun", "ItemState", "TakenFile"]
