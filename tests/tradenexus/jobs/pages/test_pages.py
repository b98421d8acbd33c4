"""The pages of jobs, as people with a browser see them."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.kit import people
from tests.tradenexus.jobs.conftest import expire, fresh
from tradenexus import db
from tradenexus.errors import Conflict
from tradenexus.jobs import queue, states
from tradenexus.jobs.models import Job, LogLine
from tradenexus.tenancy.models import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(owner):
    return signed_in(owner)


def signed_in(person) -> Client:
    client = Client()
    client.force_login(person.user)
    return client


def say(job: Job, *texts: str, level: str = "info", stage: str = "") -> None:
    for text in texts:
        n = LogLine.objects.filter(job=job).count() + 1
        LogLine.objects.create(job=job, n=n, at=db.now(), attempt=1, level=level, stage=stage, text=text)
    Job.everyone.filter(pk=job.pk).update(log_n=LogLine.objects.filter(job=job).count())


def fail(job: Job, message: str = "the file is gone") -> Job:
    states.end(job, "failed", Conflict(message))
    return fresh(job)


def test_the_list_shows_jobs_with_state_and_reason(browser, claimed):
    job = fail(claimed())
    page = browser.get("/jobs/")
    assert page.status_code == 200
    assert f"/jobs/{job.ref}/" in page.content.decode()
    assert "the file is gone" in page.content.decode()


def test_htmx_gets_the_list_without_the_frame(browser, submit):
    submit()
    part = browser.get("/jobs/", headers={"HX-Request": "true"})
    assert "<html" not in part.content.decode()
    assert "job-list" in part.content.decode()
    assert "HX-Request" in part["Vary"]


def test_an_empty_workspace_is_told_what_a_job_is(browser):
    assert "Nothing has been started yet" in browser.get("/jobs/").content.decode()


def test_a_filter_that_nothing_fits_offers_to_clear_it(browser, submit):
    submit()
    text = browser.get("/jobs/?state=failed").content.decode()
    assert "0 of 1 jobs match" in text
    assert 'href="/jobs/"' in text


@pytest.mark.parametrize("query", ["state=sleeping", "since=yesterday", "kind=%00", "cursor=x"])
def test_a_filter_that_is_none_of_ours_is_refused_in_words(browser, query):
    page = browser.get(f"/jobs/?{query}")
    assert page.status_code == 400
    assert "Nothing" in page.content.decode() or "untouched" in page.content.decode()


def test_since_keeps_newer_jobs_only(browser, submit):
    job = submit()
    Job.everyone.filter(pk=job.pk).update(created_at="2020-01-01T00:00:00Z")
    assert job.ref not in browser.get("/jobs/?since=24h").content.decode()
    assert job.ref in browser.get("/jobs/?since=2019-12-31").content.decode()


def test_the_timeline_has_a_lane_for_each_kind(browser, claimed, submit):
    claimed()
    submit("test.plain")
    text = browser.get("/jobs/").content.decode()
    assert 'class="bar-running"' in text
    assert 'class="bar-queued"' in text


def test_a_stranger_sees_none_of_it(stranger, submit):
    job = submit()
    client = signed_in(stranger)
    assert job.ref not in client.get("/jobs/").content.decode()
    for path in ("", "_row/", "log.txt"):
        assert client.get(f"/jobs/{job.ref}/{path}").status_code == 404
    assert client.post(f"/jobs/{job.ref}/", {"action": "cancel"}).status_code == 404


def test_nobody_sees_it_without_signing_in(submit):
    answer = Client().get(f"/jobs/{submit().ref}/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/?next=/jobs/")


def test_a_viewer_may_look_and_not_act(owner, submit):
    viewer = signed_in(people.make("viewer@example.test", owner.tenant, Role.VIEWER))
    job = submit()
    page = viewer.get(f"/jobs/{job.ref}/")
    assert page.status_code == 200
    assert 'value="cancel"' not in page.content.decode()
    assert viewer.post(f"/jobs/{job.ref}/", {"action": "cancel"}).status_code == 403
    assert viewer.post("/jobs/", {"action": "cancel"}).status_code == 403
    assert fresh(job).state == "queued"


def test_cancel_ends_a_waiting_job_and_leads_back(browser, submit):
    job = submit()
    answer = browser.post(f"/jobs/{job.ref}/", {"action": "cancel"})
    assert (answer.status_code, answer["Location"]) == (303, f"/jobs/{job.ref}/")
    assert fresh(job).state == "cancelled"


def test_a_running_job_that_was_asked_to_stop_says_cancelling(browser, claimed, owner):
    job = claimed()
    queue.cancel(owner.actor, job)
    assert "Cancelling" in browser.get(f"/jobs/{job.ref}/").content.decode()


def test_retry_says_what_is_reused_and_queues_again(browser, claimed):
    job = fail(claimed())
    assert "what is stored already" in browser.get(f"/jobs/{job.ref}/").content.decode()
    browser.post(f"/jobs/{job.ref}/", {"action": "retry"})
    assert fresh(job).state == "queued"


def test_retrying_what_succeeded_is_refused_in_words(browser, claimed):
    job = claimed()
    states.succeed_alone(job, {}, states.Tail())
    page = browser.post(f"/jobs/{job.ref}/", {"action": "retry"})
    assert page.status_code == 409
    assert "only an ended job can be retried" in page.content.decode().lower()


def test_an_action_of_another_name_is_refused(browser, submit):
    assert browser.post(f"/jobs/{submit().ref}/", {"action": "delete"}).status_code == 400
    assert browser.post("/jobs/", {"action": "delete"}).status_code == 400


def test_all_that_match_are_retried_at_once(browser, claimed, submit):
    failed = [fail(claimed()) for _ in range(3)]
    waiting = submit()
    answer = browser.post("/jobs/?state=failed", {"action": "retry"})
    assert "retried=3" in answer["Location"]
    assert {fresh(job).state for job in failed} == {"queued"}
    assert fresh(waiting).attempts == 0


def test_a_silent_job_says_no_heartbeat(browser, claimed):
    job = claimed()
    expire(job)
    text = browser.get(f"/jobs/{job.ref}/").content.decode()
    assert "No heartbeat for" in text


def test_a_waiting_job_without_a_worker_says_so(browser, submit):
    assert "no worker heartbeat" in browser.get(f"/jobs/{submit().ref}/").content.decode()


def test_the_log_opens_at_its_last_thousand_lines(browser, claimed):
    job = claimed()
    lines = [LogLine(job=job, n=n, at=db.now(), attempt=1, text=f"line number {n}.") for n in range(1, 1203)]
    LogLine.objects.bulk_create(lines)
    Job.everyone.filter(pk=job.pk).update(log_n=1202)
    text = browser.get(f"/jobs/{job.ref}/").content.decode()
    assert 'id="L203"' in text
    assert 'id="L202"' not in text
    assert 'since="1202"' in text
    earlier = browser.get(f"/jobs/{job.ref}/?before=203").content.decode()
    assert 'id="L202"' in earlier
    assert 'id="L203"' not in earlier


def test_hostile_log_text_is_shown_as_text(browser, claimed):
    job = claimed()
    say(job, "<script>alert(1)</script>\x1b[31mred\x1b[0m \x1b]0;title\x07end")
    text = browser.get(f"/jobs/{job.ref}/").content.decode()
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;red end" in text
    assert "\x1b" not in text


def test_the_level_filter_keeps_the_more_serious_lines(browser, claimed):
    job = claimed()
    say(job, "all quiet")
    say(job, "careful", level="warning")
    say(job, "broken", level="error")
    text = browser.get(f"/jobs/{job.ref}/?level=warning").content.decode()
    assert "careful" in text
    assert "broken" in text
    assert "all quiet" not in text


def test_the_raw_log_is_plain_text(browser, claimed):
    job = claimed()
    say(job, "\x1b[1mfirst\x1b[0m", stage="read")
    answer = browser.get(f"/jobs/{job.ref}/log.txt")
    body = b"".join(answer.streaming_content).decode()
    assert answer["Content-Type"].startswith("text/plain")
    assert body.rstrip().endswith("info    [read] first")


def test_steps_show_what_is_over_and_what_runs(browser, claimed):
    job = claimed()
    progress = {"phase": "writing", "done": 5, "total": 10, "unit": "rows", "rate": None, "eta_s": None}
    Job.everyone.filter(pk=job.pk).update(progress={**progress, "steps": [{"phase": "reading", "seconds": 61.0}]})
    text = browser.get(f"/jobs/{job.ref}/").content.decode()
    assert "Reading" in text
    assert "1 min 01 s" in text
    assert 'aria-current="step"' in text
    assert "50 %" in text


def test_a_fragment_of_a_running_job_asks_again_by_itself(browser, claimed):
    job = claimed()
    part = browser.get(f"/jobs/{job.ref}/", headers={"HX-Request": "true"}).content.decode()
    assert "every 1s" in part
    assert "nx-log" not in part
    fail(job)
    assert "every 1s" not in browser.get(f"/jobs/{job.ref}/", headers={"HX-Request": "true"}).content.decode()


def test_a_row_for_other_pages_and_for_tables(browser, claimed):
    job = claimed()
    assert browser.get(f"/jobs/{job.ref}/_row/").content.decode().lstrip().startswith("<div")
    assert browser.get(f"/jobs/{job.ref}/_row/?as=tr").content.decode().lstrip().startswith("<tr")


def test_the_home_part_shows_what_runs_and_waits(browser, claimed, submit):
    claimed()
    submit()
    text = browser.get("/jobs/_home/").content.decode()
    assert "1 waiting" in text
    assert 'class="bar-running"' in text


def test_jobs_about_a_dataset_are_found_by_its_id(browser, owner, submit):
    from tests.kit import factories

    version = factories.version_in(owner, name="tape <b>")
    job = submit(subject=version.ref)
    other = submit()
    text = browser.get(f"/jobs/?dataset={version.dataset.ref}").content.decode()
    assert f"/jobs/{job.ref}/" in text
    assert f"/jobs/{other.ref}/" not in text
    assert "tape &lt;b&gt;@1" in text


def test_pages_say_what_a_job_does_and_keep_the_kind_in_the_title(browser, submit):
    job = submit(kind="dataset.validate")
    for address in ("/jobs/", f"/jobs/{job.ref}/", f"/jobs/{job.ref}/_row/", "/jobs/_home/"):
        page = browser.get(address).content.decode()
        assert ">Validate<" in page
        assert ">dataset.validate<" not in page
    listed = browser.get("/jobs/?kind=dataset.validate").content.decode()
    assert '<span title="dataset.validate">Validate</span>' in listed
    assert '<option value="dataset.validate" title="dataset.validate" selected>Validate</option>' in listed
    assert ">Make candles</option>" in listed


def test_the_button_of_the_phones_sheet_counts_the_filters_in_force(browser, submit):
    submit()
    assert "<b>2<span" in browser.get("/jobs/?state=queued&kind=test.plain&since=24h").content.decode()
    assert "in force" not in browser.get("/jobs/?state=queued").content.decode()
