"""Rows of the backfill app: fields, constraints and indexes; verbs live in the modules above."""

from backfill.models.ingest import IngestItem, IngestRun, ItemState, TakenFile
from backfill.models.repair import RepairItem, RepairRun, RepairState, VendorAnswer

__all__ = ["IngestItem", "IngestRun", "ItemState", "TakenFile"]
__all__ += ["RepairItem", "RepairRun", "RepairState", "VendorAnswer"]
