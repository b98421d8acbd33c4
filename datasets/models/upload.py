"""An upload on its way in (UploadSession) and its part ledger (UploadLeaf). The bytes lie in a file.

`offset` counts durable bytes only and moves by compare-and-swap; `state` is the table in uploads.sessions.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from datasets.models.dataset import DatasetVersion
from tradenexus.tenancy.models import TenantOwned


class UploadState(models.TextChoices):
    """open takes bytes; joining is being put together of partial uploads; ingesting is being hashed; mismatched has all
    bytes but another digest; joined is a partial upload that a final one took; the others are ends."""

    OPEN = "open"
    JOINING = "joining"
    INGESTING = "ingesting"
    MISMATCHED = "mismatched"
    JOINED = "joined"
    FINISHED = "finished"
    TERMINATED = "terminated"
    EXPIRED = "expired"


LIVE_STATES = (UploadState.OPEN, UploadState.JOINING, UploadState.INGESTING, UploadState.MISMATCHED)
PARTIAL = "partial"

# What has no length yet has not come whole: it is going on, or it ended so.
LENGTHLESS_STATES = (UploadState.OPEN, UploadState.TERMINATED, UploadState.EXPIRED)


class UploadSession(TenantOwned):
    """One file being received for one version of a dataset, or a part of one (partial), which is of none."""

    prefix = "up"
    dataset = models.ForeignKey("datasets.Dataset", null=True, on_delete=models.PROTECT, related_name="uploads")
    version = models.OneToOneField(
        "datasets.DatasetVersion", null=True, on_delete=models.PROTECT, related_name="upload"
    )
    concat = models.TextField(blank=True)  # Upload-Concat as the client sent it: "partial" or "final;..."
    final = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="+")  # who took a partial
    complete_asked = models.BooleanField(default=False)  # while it was being joined: the join goes on to the ingest
    user = models.ForeignKey("tenancy.User", null=True, on_delete=models.SET_NULL, related_name="+")
    state = models.CharField(max_length=12, default=UploadState.OPEN, choices=UploadState.choices)
    filename = models.CharField(max_length=1024)
    content_type = models.CharField(max_length=255, blank=True)
    length = models.BigIntegerField(null=True)  # null: the client will tell it later
    offset = models.BigIntegerField(default=0)
    # While damaged leaves are sent again the offset stands at the first of them: how much is here with them.
    kept_bytes = models.BigIntegerField(null=True)
    # Which kernel run wrote past the offset: only under the same one may the tail on disk be taken over; empty while
    # the tail is not to be trusted (a body whose checksum has still to be verified).
    tail_boot = models.CharField(max_length=40, blank=True)
    metadata = models.JSONField(default=dict)  # the header Upload-Metadata as the client sent it, text
    declared_sha256 = models.CharField(max_length=64, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)  # of the received bytes, once hashed
    reserved_bytes = models.BigIntegerField(default=0)
    job_ref = models.CharField(max_length=40, blank=True)
    duplicate_of = models.CharField(max_length=40, blank=True)
    error = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    expires_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        verbose_name = "upload"
        constraints = [
            models.CheckConstraint(
                condition=Q(concat=PARTIAL, dataset__isnull=True, version__isnull=True)
                | (~Q(concat=PARTIAL) & Q(dataset__isnull=False, version__isnull=False)),
                name="upload_partial_has_no_version",
            ),
            models.UniqueConstraint(fields=["dataset"], condition=Q(state__in=LIVE_STATES), name="upload_one_live"),
            models.CheckConstraint(
                condition=Q(offset__gte=0) & Q(offset__lte=models.F("length")), name="upload_offset_range"
            ),
            models.CheckConstraint(condition=Q(length__gte=1), name="upload_length"),
            models.CheckConstraint(
                condition=Q(kept_bytes__isnull=True)
                | (Q(kept_bytes__gt=models.F("offset")) & Q(kept_bytes__lte=models.F("length"))),
                name="upload_kept_range",
            ),
            models.CheckConstraint(
                condition=Q(length__isnull=False) | Q(state__in=LENGTHLESS_STATES), name="upload_length_known"
            ),
            models.CheckConstraint(condition=Q(state__in=UploadState.values), name="upload_state"),
        ]
        indexes = [
            # the list of a tenant's uploads, newest first
            models.Index(fields=["tenant", "-created_at", "-id"], name="upload_list"),
            # the sweep: what expired
            models.Index(fields=["expires_at"], condition=Q(state__in=LIVE_STATES), name="upload_expiry"),
            # the partial uploads of a final one
            models.Index(fields=["final"], condition=Q(final__isnull=False), name="upload_parts_of"),
        ]

    @property
    def takes_bytes(self) -> bool:
        """Whether a PATCH may still come."""
        return self.state == UploadState.OPEN and not self.is_final

    @property
    def is_partial(self) -> bool:
        """Whether it is a part of a file, for a final upload to take; it has no dataset and no version."""
        return self.concat == PARTIAL

    @property
    def is_final(self) -> bool:
        """Whether it is put together of partial uploads."""
        return bool(self.concat) and not self.is_partial

    @property
    def is_whole(self) -> bool:
        """Whether all bytes are here; never while the length is unknown."""
        return self.offset == self.length

    @property
    def limit(self) -> int:
        """Where bytes must end: the length, or the largest file while it is unknown."""
        return settings.NEXUS_MAX_UPLOAD_BYTES if self.length is None else self.length

    @property
    def target(self) -> DatasetVersion:
        """The version of an upload that has one: every one that is not partial."""
        assert self.version is not None
        return self.version

    @property
    def total(self) -> int:
        """The length of an upload that has one: every upload that came whole."""
        assert self.length is not None
        return self.length

    def __str__(self) -> str:
        return f"{self.filename} ({self.offset} of {self.length or '?'} bytes, {self.state})"


class UploadLeaf(models.Model):
    """One closed leaf of an upload: the digest its bytes had when they landed."""

    session = models.ForeignKey(UploadSession, on_delete=models.CASCADE, related_name="leaves")
    number = models.BigIntegerField()
    size_bytes = models.IntegerField()
    crc32c = models.BigIntegerField()
    damaged = models.BooleanField(default=False)  # our copy no longer has this digest: it is to be sent again

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "number"], name="upload_leaf_once")]

    def __str__(self) -> str:
        return f"leaf {self.number}: {self.crc32c:08x}"
