"""What all pages of one dataset share: which version is shown, its head, its tabs, the one primary action."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property

from datasets import lifecycle, promotion, versions
from datasets.models import Dataset, DatasetVersion, Status, UploadSession
from datasets.transforms import fix
from datasets.transforms import run as candles
from tradenexus.jobs.models import LIVE, Job
from tradenexus.web import copy
from tradenexus.web.page import Page

TABS = ("overview", "preview", "chart", "coverage", "quality", "lineage", "versions", "publish", "activity")
PICKER = 50
_FORMS = {
    Status.UPLOADED: ("Validate", "validate/"),
    Status.VALIDATION_FAILED: ("Fix and re-validate", "validate/"),
    Status.VALIDATED: ("Make candles", "candles/"),
    Status.READY: ("Publish to Lona", "publish/"),
    Status.PUBLISH_FAILED: ("Publish again", "publish/"),
}


# what the API and the command line call the tabs; a tab that asks for more says it itself
_TWINS = {
    "overview": ("", "nexus dataset show {ref}"),
    "preview": ("/preview", "nexus dataset head {ref}"),
    "chart": ("/chart", "nexus api GET {path}"),
    "coverage": ("/coverage", "nexus dataset coverage {ref}"),
    "quality": ("/quality-report", "nexus quality show {ref}"),
    "lineage": ("/lineage", "nexus lineage {ref}"),
    "versions": ("/versions", "nexus dataset versions {ref}"),
    "activity": ("/audit", "nexus audit list --object {ref}"),
}


class DatasetPage(Page):
    """A page about one version of a dataset: the newest in use, or the one that the address pins."""

    template = "datasets/page.html"
    nav = "datasets"
    tab: ClassVar[str] = "overview"
    bare: ClassVar[bool] = False  # whether the panel has a primary action of its own
    live: ClassVar[bool] = True  # whether the panel itself changes with the dataset's events
    dataset: Dataset
    version: DatasetVersion
    pinned: bool

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Name the panel after the tab where a page names none."""
        super().__init_subclass__(**kwargs)
        if "tab" in cls.__dict__ and "fragment" not in cls.__dict__:
            cls.fragment = f"datasets/_{cls.tab}.html"

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Answer the page, or its panel to htmx."""
        self.locate(**kwargs)
        return self.render(self.framed(self.context()))

    def locate(self, ref: str, number: str | None = None, **_: Any) -> None:
        """Find the dataset and the version meant; NotFound otherwise."""
        self.dataset = self.find(Dataset, ref)
        self.pinned = number is not None
        self.version = versions.of_dataset(self.dataset, number)

    @cached_property
    def newest(self) -> DatasetVersion:
        """The version the dataset shows without a number."""
        return (self.pinned and lifecycle.newest(self.dataset)) or self.version

    @cached_property
    def filled(self) -> DatasetVersion:
        """The version whose rows are shown: the pinned one, else the newest that has rows, else the newest."""
        if self.pinned or (self.version.sealed_at and self.version.status != Status.VALIDATION_FAILED):
            return self.version
        sealed = DatasetVersion.of(self.actor.tenant_id).filter(dataset=self.dataset, sealed_at__isnull=False)
        good = sealed.exclude(status=Status.VALIDATION_FAILED)  # what a fix left may be RED, and has rows
        return good.order_by("-number").first() or self.version

    @property
    def base(self) -> str:
        """The address of the dataset, with the version where one is pinned."""
        root = f"/datasets/{self.dataset.ref}/"
        return f"{root}v/{self.version.number}/" if self.pinned else root

    def pinned_base(self, version: DatasetVersion) -> str:
        """The address of a version."""
        return f"/datasets/{self.dataset.ref}/v/{version.number}/"

    def fixing(self, version: DatasetVersion) -> dict[str, Any]:
        """Return whether a version can be fixed, and where."""
        return {"may_fix": version.status in fix.SOURCES, "fix_url": f"{self.pinned_base(version)}fix/"}

    def framed(self, context: dict[str, Any]) -> dict[str, Any]:
        """Add the head and the tabs to what the panel shows."""
        own: dict[str, Any] = self.head(self.tab, self.bare) | {
            "panel": self.fragment,
            "tabs": [(name, name.capitalize(), self._tab_url(name)) for name in TABS],
            "tab": self.tab,
            "live_panel": self.live,
        }
        return own | context

    def twin(self, tab: str) -> dict[str, Any]:
        """Return the commands and the JSON address of a tab."""
        if tab not in _TWINS:
            return {}
        end, cli = _TWINS[tab]
        path = f"/v1/datasets/{self.dataset.ref}{end}"
        query = {"version": self.version.number} if self.pinned else None
        told = copy.commands("GET", path, cli=cli.format(ref=self.ref, path=path), query=query)
        return {"copy": told, "twin": path + (f"?version={self.version.number}" if self.pinned else "")}

    @property
    def ref(self) -> str:
        """How the command line names what is shown."""
        return f"{self.dataset.ref}@{self.version.number}" if self.pinned else self.dataset.ref

    def head(self, tab: str, bare: bool) -> dict[str, Any]:
        """Return what the head of the page shows over a tab; a bare one leaves the primary action to the panel."""
        picker = DatasetVersion.of(self.actor.tenant_id).filter(dataset=self.dataset).order_by("-number")[:PICKER]
        return {
            "title": self.dataset.name,
            "heading": self.dataset.name,
            "dataset": self.dataset,
            "version": self.version,
            "newest": self.newest,
            "pinned": self.pinned,
            "base": self.base,
            "picker": picker,
            "job": self._job(),
            "crumbs": [("Datasets", "/datasets/"), (self.dataset.name, "")],
            "primary": None if bare else self._primary(),
            "menu": self._menu(),
            "head_url": f"{self.base}_head/?tab={tab}{'&bare=1' * bare}",
            "owner": self.dataset.owner,
        } | self.twin(tab)

    def _tab_url(self, name: str) -> str:
        return self.base if name == "overview" else f"{self.base}{name}/"

    def _job(self) -> Job | None:
        if self.version.operation == "candles" and self.version.status == Status.TRANSFORMING:
            return candles.job_of(self.version)  # it may be about several versions
        jobs = Job.of(self.actor.tenant_id).filter(subject=self.version.ref, state__in=LIVE)
        return jobs.order_by("-created_at").first()

    def _primary(self) -> dict[str, str] | None:
        version, base = self.version, self.pinned_base(self.version)
        if version.status == Status.UPLOADING:
            upload = UploadSession.of(self.actor.tenant_id).filter(version=version, state="open").first()
            return {"label": "Continue the upload", "url": f"/uploads/{upload.ref}/"} if upload else None
        if version.status == Status.PUBLISHED:
            address = f"/backtests/new/?dataset={self.dataset.ref}@{version.number}"
            return {"label": "Run backtest", "url": address}
        if version.operation == "fix" and version.status == Status.TRANSFORM_FAILED:
            return {"label": "Fix again", "url": f"{self.pinned_base(version.parent)}fix/"} if version.parent else None
        if version.status == Status.TRANSFORM_FAILED and version.parent:
            return {"label": "Make candles again", "url": f"{self.pinned_base(version.parent)}candles/"}
        if version.status == Status.VALIDATION_FAILED and not version.raw_key:
            return {"label": "Fix it", "url": f"{base}fix/"}  # there is no file of its own to be read again
        form = _FORMS.get(Status(version.status))
        return {"label": form[0], "url": base + form[1]} if form else None

    def _menu(self) -> list[tuple[str, str]]:
        version, base = self.version, self.pinned_base(self.version)
        download = f"/v1/datasets/{self.dataset.ref}/download?version={version.number}"
        entries = [
            ("Run backtest", f"/backtests/new/?dataset={self.dataset.ref}@{version.number}", _runs(version)),
            (
                "Promote into the lake",
                f"{base}promote/",
                self.actor.may("write") and _promotes(version),
            ),
            ("Make candles", f"{base}candles/", version.status in candles.SOURCES),
            ("Fix", f"{base}fix/", self.actor.may("write") and version.status in fix.SOURCES),
            ("Download the raw file", f"{download}&what=raw", version.raw_key),
            ("Upload a new version", f"/uploads/new/?dataset={self.dataset.ref}", self.actor.may("write")),
            ("Archive this version", f"{base}archive/", Status.ARCHIVED in lifecycle.EDGES[version.status]),
        ]
        return [(label, url) for label, url, shown in entries if shown]


def _promotes(version: DatasetVersion) -> bool:
    return version.status in promotion.STATES


def _runs(version: DatasetVersion) -> bool:
    return version.status in {Status.READY, Status.PUBLISH_FAILED}


class Head(DatasetPage):
    """The head of a dataset's pages alone, for live refresh."""

    fragment = template = "datasets/_head.html"

    def framed(self, context: dict[str, Any]) -> dict[str, Any]:
        """Add only the head, with the commands and the JSON address of the tab it stands over."""
        asked = self.query.get("tab", "")
        tab = asked if asked in TABS else "overview"
        return self.head(tab, bool(self.query.get("bare"))) | {"tab": tab} | context
