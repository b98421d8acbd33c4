"""Publication (a slice of a version, at the provider), SymbolLink (a global symbol as a dataset without bytes),
Strategy, Backtest. Fields, constraints and indexes only; the verbs live in publish, symbols and backtests.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tradenexus.tenancy.models import TenantOwned, User


class PublicationState(models.TextChoices):
    """queued -> publishing -> published | failed; `unknown` when an answer was lost; published -> retired."""

    QUEUED = "queued"
    PUBLISHING = "publishing"
    UNKNOWN = "unknown"
    PUBLISHED = "published"
    FAILED = "failed"
    RETIRED = "retired"


LIVE = (PublicationState.QUEUED, PublicationState.PUBLISHING, PublicationState.UNKNOWN)
ACTIVE = (*LIVE, PublicationState.PUBLISHED)


class Publication(TenantOwned):
    """One instrument of one version, bars of [start_ns, end_ns), on its way to or at the provider."""

    prefix = "pub"

    version = models.ForeignKey("datasets.DatasetVersion", on_delete=models.PROTECT, related_name="publications")
    instrument = models.CharField(max_length=128)
    venue = models.CharField(max_length=64, blank=True)
    frequency = models.CharField(max_length=12)
    start_ns = models.BigIntegerField()
    end_ns = models.BigIntegerField()
    mode = models.CharField(max_length=12, default="explicit")
    state = models.CharField(max_length=10, choices=PublicationState.choices, default=PublicationState.QUEUED)
    symbol_name = models.CharField(max_length=120, blank=True)
    lona_symbol_id = models.CharField(max_length=200, blank=True)
    reused = models.BooleanField(default=False)  # the provider had this very slice already
    rows = models.BigIntegerField(null=True, blank=True)
    first_ns = models.BigIntegerField(null=True, blank=True)
    last_ns = models.BigIntegerField(null=True, blank=True)
    has_volume = models.BooleanField(default=True)
    csv_sha256 = models.CharField(max_length=64, blank=True)
    size_bytes = models.BigIntegerField(null=True, blank=True)
    content_hash = models.CharField(max_length=64, blank=True)
    provider = models.CharField(max_length=40, blank=True)
    job = models.ForeignKey("jobs.Job", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    sent_at = models.DateTimeField(null=True, blank=True)  # set before a POST whose answer is not in yet
    error = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)
    mapping = models.CharField(max_length=8, blank=True)  # ok, missing, drift: what the last reconcile found
    reconciled_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(state__in=PublicationState.values), name="publication_state"),
            models.CheckConstraint(condition=Q(start_ns__lt=models.F("end_ns")), name="publication_range"),
            models.CheckConstraint(
                condition=~Q(state="published") | ~Q(lona_symbol_id=""), name="publication_published_has_symbol"
            ),
            # An identical request joins instead of sending twice.
            models.UniqueConstraint(
                fields=["version", "instrument", "venue", "start_ns", "end_ns"],
                condition=Q(state__in=ACTIVE),
                name="publication_active_once",
            ),
            # Those of one version run one after another.
            models.UniqueConstraint(
                fields=["version"], condition=Q(state="publishing"), name="publication_one_at_a_time"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-created_at", "-id"], name="publication_newest"),  # GET /v1/publications
            models.Index(fields=["tenant", "lona_symbol_id"], name="publication_symbol"),  # mappings, lineage
        ]

    def __str__(self) -> str:
        return f"{self.instrument} {self.frequency} {self.state}"


class SymbolLink(TenantOwned):
    """A global symbol of the provider, linked as a dataset: it has a name and a range here, and no bytes."""

    prefix = "lnk"

    dataset = models.OneToOneField("datasets.Dataset", on_delete=models.PROTECT, related_name="symbol_link")
    lona_symbol_id = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    frequency = models.CharField(max_length=12, blank=True)
    details = models.JSONField(default=dict)  # what the provider says of it: data_range, frequencies, type_metadata
    provider = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "lona_symbol_id"], name="symbollink_once")]

    def __str__(self) -> str:
        return self.name


class StrategyState(models.TextChoices):
    """creating (nothing sent) -> sending -> ready | failed; `unknown` when the answer was lost."""

    CREATING = "creating"
    SENDING = "sending"
    UNKNOWN = "unknown"
    READY = "ready"
    FAILED = "failed"


class Strategy(TenantOwned):
    """A strategy that the provider wrote from a description. `lona_name` is unique, so a lost answer can be found."""

    prefix = "str"

    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    name = models.CharField(max_length=120)
    lona_name = models.CharField(max_length=200)
    lona_strategy_id = models.CharField(max_length=200, blank=True)
    description = models.TextField()
    provider_asked = models.CharField(max_length=60, blank=True)
    provider = models.CharField(max_length=40, blank=True)
    code = models.TextField(blank=True)
    code_sha256 = models.CharField(max_length=64, blank=True)
    explanation = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=StrategyState.choices, default=StrategyState.CREATING)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        verbose_name_plural = "strategies"
        constraints = [
            models.CheckConstraint(condition=Q(state__in=StrategyState.values), name="strategy_state"),
            models.CheckConstraint(condition=~Q(state="ready") | ~Q(lona_strategy_id=""), name="strategy_ready_has_id"),
            models.UniqueConstraint(fields=["lona_name"], name="strategy_lona_name"),
        ]
        indexes = [models.Index(fields=["tenant", "-created_at", "-id"], name="strategy_newest")]  # GET /v1/strategies

    def __str__(self) -> str:
        return self.name


class BacktestStatus(models.TextChoices):
    """The contract's states of a backtest."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class MissingData(models.TextChoices):
    """What to do when days of the range have no bars."""

    FAIL_FAST = "fail_fast"
    AUTO_BACKFILL = "auto_backfill"
    PARTIAL_FILL = "partial_fill"
    SEAMLESS = "seamless"


class Backtest(TenantOwned):
    """One run of a strategy over pinned versions (or the provider's own symbols), with what came of it."""

    prefix = "bt"

    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    strategy = models.ForeignKey(Strategy, on_delete=models.PROTECT, related_name="backtests")
    status = models.CharField(max_length=10, choices=BacktestStatus.choices, default=BacktestStatus.QUEUED)
    start_date = models.DateField()
    end_date = models.DateField()  # the last day that runs, whole
    initial_cash = models.FloatField(default=100_000)
    parameters = models.JSONField(default=dict)
    commission = models.FloatField(default=0.001)
    leverage = models.FloatField(default=1)
    buy_on_close = models.BooleanField(default=True)
    missing_data = models.CharField(max_length=16, choices=MissingData.choices, default=MissingData.FAIL_FAST)
    data_ids = models.JSONField(default=list)  # the provider's symbol ids that the caller named
    report_id = models.CharField(max_length=200, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)  # set before the run is sent; never sent again after it
    metrics = models.JSONField(null=True, blank=True)
    provenance = models.JSONField(default=dict)
    equity = models.JSONField(default=list)
    drawdown = models.JSONField(default=list)
    trades = models.JSONField(default=list)
    provider = models.CharField(max_length=40, blank=True)
    error = models.JSONField(null=True, blank=True)
    job = models.ForeignKey("jobs.Job", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(status__in=BacktestStatus.values), name="backtest_status"),
            models.CheckConstraint(condition=Q(start_date__lte=models.F("end_date")), name="backtest_range"),
        ]
        indexes = [
            models.Index(fields=["tenant", "-created_at", "-id"], name="backtest_newest"),  # GET /v1/backtests
            models.Index(fields=["tenant", "strategy", "-created_at"], name="backtest_strategy"),  # GET ...?strategy=
        ]

    def __str__(self) -> str:
        return f"{self.strategy} {self.start_date}..{self.end_date} {self.status}"


class BacktestInput(models.Model):
    """One version (by instrument) that a backtest read, and the publication that carried it to the provider."""

    backtest = models.ForeignKey(Backtest, on_delete=models.CASCADE, related_name="inputs")
    version = models.ForeignKey("datasets.DatasetVersion", on_delete=models.PROTECT, related_name="backtest_inputs")
    publication = models.ForeignKey(Publication, on_delete=models.PROTECT, null=True, blank=True, related_name="inputs")
    instrument = models.CharField(max_length=128)
    venue = models.CharField(max_length=64, blank=True)
    start_ns = models.BigIntegerField()
    end_ns = models.BigIntegerField()
    place = models.SmallIntegerField()  # order in which the caller named them

    class Meta:
        constraints = [models.UniqueConstraint(fields=["backtest", "place"], name="backtestinput_place")]

    def __str__(self) -> str:
        return f"{self.instrument} of {self.backtest_id}"
