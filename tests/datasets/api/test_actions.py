"""Actions over the API: what is asked is checked before anything is started."""

import pytest

from datasets.models import DatasetVersion
from tests.kit import factories
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db


def candles(person, version, **asked):
    path = f"/v1/datasets/{version.dataset.ref}/transform/candles"
    return person.api.post(path, {"frequency": "1d", **asked}, format="json")


@pytest.fixture
def bars(owner, tmp_path):
    return factories.sealed(owner, tmp_path, rows=250)


@pytest.mark.parametrize("session", [None, "XNYS", "Europe/Berlin", "24/7"])
def test_a_session_is_a_calendar_a_zone_or_none_and_is_told_again(owner, bars, session):
    answer = candles(owner, bars, session=session)
    assert answer.status_code == 202
    detail = owner.api.get(f"/v1/datasets/{bars.dataset.ref}/versions/{answer.data['outputVersion']}").data["version"]
    assert detail["params"]["session"] == session


def test_no_session_and_null_are_the_same_request(owner, bars):
    first, again = candles(owner, bars), candles(owner, bars, session=None)
    assert first.data["outputVersionId"] == again.data["outputVersionId"]


@pytest.mark.parametrize("session", ["XXXX", "Moon/Base", "xnys"])
def test_an_unknown_session_is_refused_at_once_by_field(owner, bars, session):
    answer = candles(owner, bars, session=session)
    error = answer.data["error"]
    assert (answer.status_code, error["code"]) == (400, "VALIDATION_ERROR")
    assert list(error["details"]["fields"]) == ["session"]
    assert session in error["message"]
    assert DatasetVersion.of(owner.tenant.id).count() == 1
    assert not Job.of(owner.tenant.id).exists()


def test_a_mapping_of_two_measures_to_one_column_is_refused_before_anything_is_read(owner):
    version = factories.version_in(owner, "uploaded")
    said = {"columnMapping": {"price": "p", "size": "p"}, "kind": "trades"}
    answer = owner.api.post(f"/v1/datasets/{version.dataset.ref}/validate", said, format="json")
    error = answer.data["error"]
    assert (answer.status_code, error["code"]) == (400, "MAPPING_INVALID")
    assert error["details"] == {"column": "p", "targets": ["price", "size"]}
    version.refresh_from_db()
    assert (version.status, Job.of(owner.tenant.id).exists()) == ("uploaded", False)
