"""The catalog of the lake: entries, what each consists of at each revision, who changed it, and its partitions.

A segment is an immutable Parquet file, named by its digest. An entry (one instrument of one table) is a list of
members, each a segment for one span; a commit closes members and opens others, so that any revision can be read.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from tradenexus.tenancy.models import TenantOwned


class Grade(models.TextChoices):
    """Verdict on one partition. RED never enters the golden copy."""

    GREEN = "GREEN"
    AMBER = "AMBER"
    RED = "RED"


class LakeCommit(TenantOwned):
    """One change of the lake, over any number of entries. `key` makes it happen once."""

    prefix = "cmt"
    key = models.CharField(max_length=128)
    operation = models.CharField(max_length=24)  # promote, ingest, repair, feature, release, fix, compact
    source = models.CharField(max_length=64, blank=True)  # the id of what it came from
    summary = models.JSONField(default=dict)
    job_ref = models.CharField(max_length=40, blank=True)
    created_by = models.ForeignKey("tenancy.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        verbose_name = "commit"
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="lake_commit_once")]
        indexes = [
            models.Index(fields=["tenant", "source"], name="lake_commit_by_source"),  # lineage
            models.Index(fields=["tenant", "-created_at"], name="lake_commit_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.created_at:%Y-%m-%d %H:%M}Z"


class LakeEntry(TenantOwned):
    """One instrument of one table: the row that readers start from and committers compare and swap."""

    prefix = "lke"
    table = models.CharField(max_length=48)
    instrument = models.CharField(max_length=97)
    calendar = models.CharField(max_length=16, blank=True)
    vendor = models.CharField(max_length=64, blank=True)  # of the newest rows
    revision = models.IntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)
    rows = models.BigIntegerField(default=0)
    size_bytes = models.BigIntegerField(default=0)
    first_ns = models.BigIntegerField(null=True)
    last_ns = models.BigIntegerField(null=True)  # of the last row, inclusive
    coverage = models.JSONField(default=list)  # [[first day, day after], ...] that were asked for and answered
    fetched_at = models.DateTimeField(null=True)  # freshness; never a file's time
    expected_next = models.DateTimeField(null=True)  # when the next rows should be here
    grade = models.CharField(max_length=5, blank=True)  # the worst partition's in force
    quality_score = models.FloatField(null=True)
    sessions = models.IntegerField(default=0)  # expected ones, observed or not
    green = models.IntegerField(default=0)
    amber = models.IntegerField(default=0)
    red = models.IntegerField(default=0)  # missing ones are red
    oldest_revision = models.IntegerField(default=0)  # those before it were let go and cannot be read any more
    updated_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        verbose_name = "lake entry"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "table", "instrument"], name="lake_entry_once"),
            models.CheckConstraint(condition=Q(revision__gte=0), name="lake_entry_revision"),
        ]
        indexes = [
            models.Index(fields=["tenant", "instrument", "table"], name="lake_entry_by_instrument"),
            models.Index(fields=["tenant", "grade", "table", "instrument"], name="lake_entry_by_grade"),
            models.Index(fields=["tenant", "expected_next"], name="lake_entry_by_lateness"),
        ]

    def __str__(self) -> str:
        return f"{self.table}/{self.instrument}"


class LakeSegment(TenantOwned):
    """One immutable file of the lake, under a key made of its digest."""

    prefix = "seg"
    sha256 = models.CharField(max_length=64)
    footer = models.CharField(max_length=64, blank=True)  # SHA-256 of the Parquet footer, which every read compares
    key = models.CharField(max_length=255)
    table = models.CharField(max_length=48)
    instrument = models.CharField(max_length=97)
    schema_version = models.IntegerField()
    span_start_ns = models.BigIntegerField()
    rows = models.BigIntegerField()
    size_bytes = models.BigIntegerField()
    t0_ns = models.BigIntegerField()
    t1_ns = models.BigIntegerField()  # of the last row, inclusive
    commit = models.ForeignKey(LakeCommit, on_delete=models.PROTECT, related_name="segments")
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)  # no revision in use names it; garbage after a day
    verified_at = (
        models.DateTimeField()
    )  # when its bytes were last known right: as they were written, then by the scrub
    damaged_at = models.DateTimeField(null=True)  # since when they are known to be wrong; nothing reads them then

    class Meta(TenantOwned.Meta):
        verbose_name = "segment"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "sha256"], name="lake_segment_once"),
            models.CheckConstraint(condition=Q(rows__gt=0), name="lake_segment_has_rows"),
            models.CheckConstraint(condition=Q(t1_ns__gte=F("t0_ns")), name="lake_segment_range"),
        ]
        indexes = [
            models.Index(fields=["verified_at"], name="lake_segment_to_scrub"),
            models.Index(fields=["retired_at"], condition=Q(retired_at__isnull=False), name="lake_segment_garbage"),
        ]

    def __str__(self) -> str:
        return f"{self.table}/{self.instrument} ({self.rows} rows)"


class LakeMember(models.Model):
    """A segment as a part of an entry, in force from one revision until another (open end: now)."""

    entry = models.ForeignKey(LakeEntry, on_delete=models.PROTECT, related_name="members")
    segment = models.ForeignKey(LakeSegment, on_delete=models.PROTECT, related_name="members")
    span_start_ns = models.BigIntegerField()
    t0_ns = models.BigIntegerField()
    t1_ns = models.BigIntegerField()
    from_revision = models.IntegerField()
    until_revision = models.IntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["entry", "span_start_ns"], condition=Q(until_revision__isnull=True), name="lake_member_in_force"
            ),
            models.UniqueConstraint(fields=["entry", "span_start_ns", "from_revision"], name="lake_member_once"),
            models.CheckConstraint(
                condition=Q(until_revision__isnull=True) | Q(until_revision__gt=F("from_revision")),
                name="lake_member_revisions",
            ),
        ]
        indexes = [
            # reads name their files: an entry's members in force, by range
            models.Index(
                fields=["entry", "t1_ns", "t0_ns"], condition=Q(until_revision__isnull=True), name="lake_member_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entry_id}@{self.from_revision}"


class LakeRevision(models.Model):
    """What one commit did to one entry."""

    entry = models.ForeignKey(LakeEntry, on_delete=models.PROTECT, related_name="revisions")
    number = models.IntegerField()
    commit = models.ForeignKey(LakeCommit, on_delete=models.PROTECT, related_name="revisions")
    digest = models.CharField(max_length=64)
    rows = models.BigIntegerField()
    changes = models.JSONField(default=dict)  # added, replaced, removed, and samples of what was replaced
    vendor = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["entry", "number"], name="lake_revision_once")]
        indexes = [models.Index(fields=["entry", "created_at"], name="lake_revision_as_of")]

    def __str__(self) -> str:
        return f"{self.entry_id}@{self.number}"


class LakePartition(models.Model):
    """The verdict on one session of one entry, expected ones without rows included."""

    entry = models.ForeignKey(LakeEntry, on_delete=models.PROTECT, related_name="partitions")
    session = models.DateField()
    status = models.CharField(max_length=5, choices=Grade.choices)
    code = models.CharField(max_length=24)
    codes = models.JSONField(default=list)  # all that apply, the gravest first
    expected = models.IntegerField(null=True)
    rows = models.IntegerField(default=0)
    score = models.FloatField(default=0)
    digest = models.CharField(max_length=64, blank=True)  # of the rows' values, names left out
    mark = models.BigIntegerField(null=True)  # of a daily bar: by it the same bar is found under another name
    first_ns = models.BigIntegerField(null=True)
    last_ns = models.BigIntegerField(null=True)
    vendor = models.CharField(max_length=64, blank=True)
    fetched_at = models.DateTimeField(null=True)
    notes = models.TextField(blank=True)
    commit = models.ForeignKey(LakeCommit, on_delete=models.PROTECT, related_name="partitions")
    override_status = models.CharField(max_length=5, blank=True)
    override_reason = models.TextField(blank=True)
    override_until = models.DateTimeField(null=True)
    override_by = models.ForeignKey("tenancy.User", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["entry", "session"], name="lake_partition_once"),
            models.CheckConstraint(condition=Q(status__in=Grade.values), name="lake_partition_status"),
            models.CheckConstraint(
                condition=Q(override_status="") | (~Q(override_reason="") & Q(override_until__isnull=False)),
                name="lake_partition_override_says_why",
            ),
        ]
        indexes = [
            models.Index(fields=["entry", "status", "session"], name="lake_partition_by_status"),
            # sessions that a reviewer judged: few among all of an entry's
            models.Index(
                fields=["entry", "session"], condition=~Q(override_status=""), name="lake_partition_overridden"
            ),
            # the same rows under another name
            models.Index(fields=["mark"], condition=Q(mark__isnull=False), name="lake_partition_by_mark"),
        ]

    def __str__(self) -> str:
        return f"{self.session} {self.status} {self.code}"


class LakeSketch(models.Model):
    """Marks of the intraday bars of one session (little-endian uint64, ascending): which bars it has, without them."""

    entry = models.ForeignKey(LakeEntry, on_delete=models.CASCADE, related_name="sketches")
    table = models.CharField(max_length=48)  # the entry's: sessions of a table are asked for together
    session = models.DateField()
    low = models.FloatField()
    high = models.FloatField()
    marks = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["entry", "session"], name="lake_sketch_once")]
        indexes = [models.Index(fields=["session", "table"], name="lake_sketch_by_session")]

    def __str__(self) -> str:
        return f"{self.session} {self.table}"


class LakeQuarantine(TenantOwned):
    """Rows of one session that were refused: kept apart with the reason until a reviewer settles it."""

    STATES = ("held", "released", "dismissed", "superseded", "fixed")
    prefix = "qrt"
    entry = models.ForeignKey(LakeEntry, on_delete=models.PROTECT, related_name="quarantine")
    session = models.DateField()
    code = models.CharField(max_length=24)
    notes = models.TextField(blank=True)
    key = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    rows = models.IntegerField()
    size_bytes = models.BigIntegerField()
    vendor = models.CharField(max_length=64, blank=True)
    fetched_at = models.DateTimeField(null=True)
    commit = models.ForeignKey(LakeCommit, on_delete=models.PROTECT, related_name="quarantined")
    state = models.CharField(max_length=10, default="held")  # one of STATES
    # the commit that took the rows in as a fix left them; its source is the version they became
    fixed_in = models.ForeignKey(LakeCommit, null=True, on_delete=models.PROTECT, related_name="fixed")
    settled_reason = models.TextField(blank=True)
    settled_by = models.ForeignKey("tenancy.User", null=True, on_delete=models.SET_NULL, related_name="+")
    settled_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        verbose_name = "quarantined rows"
        constraints = [
            models.UniqueConstraint(fields=["entry", "session", "sha256"], name="lake_quarantine_once"),
            models.CheckConstraint(
                condition=Q(state__in=["held", "released", "dismissed", "superseded", "fixed"]),
                name="lake_quarantine_state",
            ),
            models.CheckConstraint(
                condition=Q(fixed_in__isnull=True) | Q(state="fixed"), name="lake_quarantine_fixed_in"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "state", "-created_at"], name="lake_quarantine_list")]

    def __str__(self) -> str:
        return f"{self.session} {self.code}"


class LakeDiff(TenantOwned):
    """What turns one content of an entry into another, kept once a job has found it. Named by the digests of both.

    `partial` is what was found so far and where to go on; the result is a stored file.
    """

    STATES = ("comparing", "ready", "failed")
    prefix = "dif"
    entry = models.ForeignKey(LakeEntry, on_delete=models.CASCADE, related_name="diffs")
    a_digest = models.CharField(max_length=64)
    b_digest = models.CharField(max_length=64)
    form = models.IntegerField()  # of what is stored: a later one is made anew
    calendar = models.CharField(max_length=16, blank=True)  # what sessions were told by
    state = models.CharField(max_length=9, default="comparing")  # one of STATES
    job_ref = models.CharField(max_length=40, blank=True)
    partial = models.JSONField(null=True)
    key = models.CharField(max_length=255, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    size_bytes = models.BigIntegerField(default=0)
    created_by = models.ForeignKey("tenancy.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        verbose_name = "diff"
        constraints = [
            models.UniqueConstraint(
                fields=["entry", "a_digest", "b_digest", "form", "calendar"], name="lake_diff_once"
            ),
            models.CheckConstraint(condition=Q(state__in=["comparing", "ready", "failed"]), name="lake_diff_state"),
            models.CheckConstraint(condition=~Q(state="ready") | ~Q(key=""), name="lake_diff_ready_is_stored"),
        ]

    def __str__(self) -> str:
        return f"{self.a_digest[:8]}...{self.b_digest[:8]}"
