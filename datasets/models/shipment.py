"""What of an upload's bytes is in object storage already: the multipart upload (UploadShipment) and its parts.

A row of a shipment exists as long as the storage may hold parts that are no version's file yet.
"""

from __future__ import annotations

from django.db import models

from datasets.models.upload import UploadSession


class UploadShipment(models.Model):
    """One upload's way into the bucket: the server's id of it and the size of its parts, which never changes."""

    session = models.OneToOneField(UploadSession, on_delete=models.CASCADE, related_name="shipment")
    multipart = models.TextField()
    part_bytes = models.BigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"shipment in parts of {self.part_bytes} bytes"


class UploadPart(models.Model):
    """One part that the storage has confirmed; written after that, before the local bytes go."""

    shipment = models.ForeignKey(UploadShipment, on_delete=models.CASCADE, related_name="parts")
    number = models.IntegerField()
    etag = models.TextField()
    size_bytes = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["shipment", "number"], name="upload_part_once"),
            models.CheckConstraint(
                condition=models.Q(number__gte=1) & models.Q(number__lte=10_000), name="upload_part_number"
            ),
        ]

    def __str__(self) -> str:
        return f"part {self.number}: {self.size_bytes} bytes"
