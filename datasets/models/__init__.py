"""Rows of the datasets app: fields, constraints and indexes; verbs live in the modules above."""

from datasets.models.dataset import Dataset, DatasetVersion, Status, VersionFile
from datasets.models.quality import QualityReport
from datasets.models.upload import UploadLeaf, UploadSession

__all__ = ["Dataset", "DatasetVersion", "QualityReport", "Status", "UploadLeaf", "UploadSession", "VersionFile"]
