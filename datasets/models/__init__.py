"""Rows of the datasets app: fields, constraints and indexes; verbs live in the modules above."""

from datasets.models.bulk import BulkAction, BulkItem, ItemState
from datasets.models.dataset import Dataset, DatasetVersion, Status, VersionFile
from datasets.models.export import MIRROR, ExportBundle, ExportFile, ExportPull, ExportState
from datasets.models.feature import FeatureCoverage
from datasets.models.instrument import Instrument
from datasets.models.lake import (
    Grade,
    LakeCommit,
    LakeDiff,
    LakeEntry,
    LakeMember,
    LakePartition,
    LakeQuarantine,
    LakeRevision,
    LakeSegment,
    LakeSketch,
)
from datasets.models.provisional import ProvisionalReport, ProvisionalScan, ScanState
from datasets.models.quality import QualityReport
from datasets.models.shipment import UploadPart, UploadShipment
from datasets.models.snapshot import ReturnsMatrix, Snapshot, SnapshotMember, SnapshotState
from datasets.models.upkeep import Chore, FileCheck, Upkeep, VersionCheck
from datasets.models.upload import UploadLeaf, UploadSession
from datasets.models.views import ListColumns, SavedView

__all__ = [
    "MIRROR",
    "BulkAction",
    "BulkItem",
    "Chore",
    "Dataset",
    "DatasetVersion",
    "ExportBundle",
    "ExportFile",
    "ExportPull",
    "ExportState",
    "FeatureCoverage",
    "FileCheck",
    "Grade",
    "Instrument",
    "ItemState",
    "LakeCommit",
    "LakeDiff",
    "LakeEntry",
    "LakeMember",
    "LakePartition",
    "LakeQuarantine",
    "LakeRevision",
    "LakeSegment",
    "LakeSketch",
    "ListColumns",
    "ProvisionalReport",
    "ProvisionalScan",
    "QualityReport",
    "ReturnsMatrix",
    "SavedView",
    "ScanState",
    "Snapshot",
    "SnapshotMember",
    "SnapshotState",
    "Status",
    "Upkeep",
    "UploadLeaf",
    "UploadPart",
    "UploadSession",
    "UploadShipment",
    "VersionCheck",
    "VersionFile",
]
