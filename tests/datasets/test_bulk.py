"""One action on many datasets: each has its own outcome, what was confirmed is what is acted on, nothing twice."""

import pytest

from datasets import bulk, listing, versions
from datasets.models import BulkAction, BulkItem, Dataset, DatasetVersion
from tests.kit import factories
from tradenexus import db
from tradenexus.audit.models import Entry
from tradenexus.errors import BadRequest, NotFound
from tradenexus.jobs import processes, queue, runner, states
from tradenexus.jobs.models import Job
from tradenexus.rest.auth import ScopeMissing

pytestmark = pytest.mark.django_db(transaction=True)


def ask(person, action, asked=None, **how):
    rows = listing.filtered(person.actor, asked or {})
    with db.atomic():
        return bulk.request(person.actor, bulk.find(action), rows, {"filter": asked or {}}, **how)


def carry():
    """Run the job that acts on many, and not those it starts."""
    job = states.claim(processes.me())
    assert job.kind == bulk.JOB
    runner.execute(job)


def outcomes(row):
    return {item.dataset.name: (item.state, item.code) for item in BulkItem.objects.filter(bulk=row)}


def status(version):
    return DatasetVersion.everyone.get(id=version.id).status


def test_all_that_match_are_archived_each_with_its_own_audit_entry(owner):
    ready = [factories.version_in(owner, "ready", name=f"ready-{number}") for number in range(3)]
    other = factories.version_in(owner, "uploaded", name="other")
    row = ask(owner, "archive", {"q": "ready"})
    assert (row.total, bulk.state_of(row)) == (3, "working")
    carry()
    row.refresh_from_db()
    assert bulk.state_of(row) == "finished"
    assert bulk.counts(row) == {"pending": 0, "done": 3, "refused": 0}
    assert [status(version) for version in [*ready, other]] == ["archived"] * 3 + ["uploaded"]
    for version in ready:
        entry = Entry.of(owner.tenant.id).get(subject=version.ref, new="archived")
        assert (entry.user_id, entry.reason) == (owner.user.id, "archived with others")
    told = Entry.of(owner.tenant.id).filter(subject=row.ref).order_by("seq").values_list("action", flat=True)
    assert list(told) == ["bulk.asked", "bulk.finished"]


def test_a_refusal_is_told_with_its_reason_and_hides_no_other(owner):
    may = factories.version_in(owner, "uploaded", name="may")
    factories.version_in(owner, "ready", name="may-not")
    also = factories.version_in(owner, "validation_failed", name="also")
    row = ask(owner, "validate")
    carry()
    assert outcomes(row) == {
        "may": ("done", ""), "may-not": ("refused", "STATE_CONFLICT"), "also": ("done", ""),
    }  # fmt: skip
    refused = BulkItem.objects.get(bulk=row, state="refused")
    assert "is ready" in refused.reason
    started = [Job.of(owner.tenant.id).get(kind="dataset.validate", subject=version.ref) for version in (may, also)]
    assert {item.job_ref for item in row.items.filter(state="done")} == {job.ref for job in started}


def test_publishing_refuses_trades_and_sends_bars(owner, tmp_path):
    bars = factories.sealed(owner, tmp_path, rows=20)
    trades = factories.sealed(owner, tmp_path, rows=20, status="validated", kind="trades")
    Dataset.everyone.filter(id=trades.dataset_id).update(name="trades")
    row = ask(owner, "publish")
    carry()
    assert outcomes(row) == {"sealed": ("done", ""), "trades": ("refused", "STATE_CONFLICT")}
    assert status(bars) == "publishing_lona"


def test_what_a_refused_verb_had_begun_is_taken_back(owner):
    version = factories.version_in(owner, "ready", name="no-bars")  # ready, but of no kind
    row = ask(owner, "publish")
    carry()
    assert outcomes(row)["no-bars"] == ("refused", "DATASET_NOT_PUBLISHABLE")
    assert status(version) == "ready"


def test_the_version_that_the_list_shows_is_acted_on(owner):
    first = factories.version_in(owner, "validation_failed", name="two")
    with db.atomic():
        second = versions.open_upload(
            owner.actor, name="two", filename="two.csv", content_type="text/csv", dataset=first.dataset
        )
        DatasetVersion.everyone.filter(id=second.id).update(status="ready")
        Dataset.everyone.filter(id=first.dataset_id).update(status="ready")
    row = ask(owner, "validate")
    carry()
    assert outcomes(row) == {"two": ("refused", "STATE_CONFLICT")}
    assert row.items.get().version == 2
    assert status(first) == "validation_failed"


def test_datasets_that_come_later_are_not_touched(owner):
    factories.version_in(owner, "ready", name="there")
    row = ask(owner, "archive")
    late = factories.version_in(owner, "ready", name="late")
    carry()
    assert bulk.counts(row)["done"] == 1
    assert status(late) == "ready"


def test_a_job_that_was_cut_off_goes_on_with_what_is_pending(owner, monkeypatch):
    for number in range(5):
        factories.version_in(owner, "ready", name=f"d{number}")
    row = ask(owner, "archive")
    honest, calls = bulk._settle, []

    def cut(actor, chosen, item):
        calls.append(item.number)
        if len(calls) == 3:
            raise RuntimeError("the process was cut off here")
        honest(actor, chosen, item)

    monkeypatch.setattr(bulk, "_settle", cut)
    carry()
    monkeypatch.setattr(bulk, "_settle", honest)
    assert bulk.counts(row) == {"pending": 3, "done": 2, "refused": 0}
    Job.everyone.filter(id=row.job_id).update(run_at=db.now())
    carry()
    assert bulk.counts(row) == {"pending": 0, "done": 5, "refused": 0}
    assert Entry.of(owner.tenant.id).filter(new="archived").count() == 5


def test_a_cancelled_one_says_how_many_were_not_reached_and_a_retry_reaches_them(owner):
    factories.version_in(owner, "ready")
    row = ask(owner, "archive")
    queue.cancel(owner.actor, Job.everyone.get(id=row.job_id))
    row = BulkAction.everyone.get(id=row.id)
    assert (bulk.state_of(row), bulk.counts(row)["pending"]) == ("stopped", 1)
    queue.retry(owner.actor, row.job)
    carry()
    assert bulk.counts(row)["done"] == 1


def test_a_form_sent_twice_acts_once(owner):
    factories.version_in(owner, "ready")
    first, again = (ask(owner, "archive", key="form-1") for _ in range(2))
    assert first.id == again.id
    assert Job.of(owner.tenant.id).filter(kind=bulk.JOB).count() == 1


def test_more_or_fewer_than_were_confirmed_stop_it(owner):
    factories.version_in(owner, "ready")
    with pytest.raises(bulk.SelectionChanged) as refused:
        ask(owner, "archive", expect=2)
    assert refused.value.details == {"confirmed": 2, "matching": 1}
    with pytest.raises(bulk.NothingToDo):
        ask(owner, "archive", {"q": "no such name"})
    assert not BulkAction.of(owner.tenant.id).exists()


def test_a_role_that_only_looks_on_starts_nothing(owner, viewer):
    factories.version_in(owner, "ready")
    for action in ("archive", "validate", "publish"):
        with pytest.raises(ScopeMissing):
            ask(viewer, action)
    assert not BulkAction.of(owner.tenant.id).exists()


def test_the_plan_counts_what_it_would_meet(owner):
    for state in ("uploaded", "uploaded", "ready", "validating"):
        factories.version_in(owner, state)
    plan = bulk.plan(bulk.find("validate"), listing.filtered(owner.actor, {}))
    assert (plan.total, plan.possible) == (4, 2)
    assert plan.states == [("uploaded", 2, True), ("ready", 1, False), ("validating", 1, False)]


def test_datasets_are_named_in_ones_own_workspace_only(owner, stranger):
    mine, theirs = factories.version_in(owner, "ready").dataset, factories.version_in(stranger, "ready").dataset
    assert list(bulk.named(owner.tenant.id, [mine.ref, mine.ref])) == [mine]
    for ref in (theirs.ref, "ds_x"):
        with pytest.raises(NotFound):
            bulk.named(owner.tenant.id, [mine.ref, ref])
    with pytest.raises(BadRequest):
        bulk.named(owner.tenant.id, [f"ds_{number:032x}" for number in range(bulk.MOST_NAMED + 1)])


def test_actions_are_validate_publish_archive():
    assert [act.name for act in bulk.acts()] == ["validate", "publish", "archive"]
    with pytest.raises(BadRequest):
        bulk.find("delete")
