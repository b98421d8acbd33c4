"""Validations and candles worked out at a Dask cluster have the bytes, digests and reports of those made here."""

import pytest

from datasets.engine import cluster as engine
from datasets.models import DatasetVersion, QualityReport, VersionFile
from datasets.transforms import run as candles
from tests.kit import raw
from tests.kit.cluster import Cluster
from tests.lona.worker import work
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = "".join(f"{1_700_000_000 + at},{'AB'[at % 2]},{at}.5,1.5\n" for at in range(400))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("dask"), 2) as running:
        yield running


def made(person):
    """Upload, validate and make candles; return what came of it."""
    source = raw.uploaded(person, ("ts,symbol,price,size\n" + ROWS).encode())
    for path, body in (("validate", {}), ("transform/candles", {"frequencies": ["1m", "5m"]})):
        answer = person.api.post(f"/v1/datasets/{source.dataset.ref}/{path}", body, format="json")
        assert answer.status_code == 202, answer.data
        work()
    versions = DatasetVersion.of(person.tenant.id).order_by("number")
    files = VersionFile.objects.filter(version__in=versions).order_by("version__number", "number")
    grades = QualityReport.everyone.filter(version__in=versions).values_list("grade", "score")
    return [(one.status, one.content_digest) for one in versions], [file.sha256 for file in files], list(grades)


def test_a_cluster_gives_the_same_digests(cluster, owner, stranger, settings, monkeypatch):
    monkeypatch.setattr(candles, "SHARE_ROWS", 1)
    settings.NEXUS_CHILD_MEMORY_BYTES = 1 << 30
    here = made(owner)
    settings.NEXUS_COMPUTE, settings.NEXUS_ENGINE_PROCESSES = cluster.compute, 2
    assert made(stranger) == here
    assert [status for status, _ in here[0]] == ["validated", "ready", "ready"]


def test_without_a_cluster_the_job_is_tried_again_and_then_says_why(owner, settings, monkeypatch):
    monkeypatch.setattr(engine, "CONNECT_S", 0.1)
    settings.NEXUS_COMPUTE = "dask://127.0.0.1:9"
    source = raw.uploaded(owner, ("ts,symbol,price,size\n" + ROWS).encode())
    owner.api.post(f"/v1/datasets/{source.dataset.ref}/validate", {}, format="json")
    work()
    job = Job.of(owner.tenant.id).get(kind="dataset.validate")
    assert (job.state, job.attempts) == ("failed", job.max_attempts)
    assert "scheduler at 127.0.0.1:9 does not answer" in job.error["message"]
    source.refresh_from_db()
    assert source.status == "validation_failed"
    settings.NEXUS_COMPUTE = "local"
    assert owner.api.post(f"/v1/jobs/{job.ref}:retry", {}, format="json").status_code == 202
    work()
    source.refresh_from_db()
    assert source.status == "validated"
