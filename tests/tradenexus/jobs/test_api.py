import threading
import time

import pytest
from django.db import connection

from tests.tradenexus.jobs.conftest import fresh
from tradenexus.jobs import processes, runner, states

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_job_is_shown_as_the_contract_says(submit, owner):
    job = submit("test.echo", params={"text": "hi"}, subject="ds_1")
    runner.wake()
    body = owner.api.get(f"/v1/jobs/{job.ref}").json()["job"]
    assert (body["id"], body["kind"], body["state"], body["subject"]) == (job.ref, "test.echo", "succeeded", "ds_1")
    assert body["result"] == {"echo": "hi"}
    assert body["links"]["self"] == f"/v1/jobs/{job.ref}"
    assert "params" not in body


def test_lists_are_filtered_and_paged(submit, owner):
    made = [submit("test.plain", subject=f"ds_{n}").ref for n in range(3)]
    first = owner.api.get("/v1/jobs?limit=2").json()
    assert [item["id"] for item in first["items"]] == [made[2], made[1]]
    rest = owner.api.get(f"/v1/jobs?limit=2&cursor={first['nextCursor']}").json()
    assert [item["id"] for item in rest["items"]] == [made[0]]
    assert [item["id"] for item in owner.api.get("/v1/jobs?subject=ds_1").json()["items"]] == [made[1]]
    assert owner.api.get("/v1/jobs?state=running").json()["items"] == []
    assert owner.api.get("/v1/jobs?state=odd").status_code == 400


def test_another_workspace_finds_nothing(submit, stranger):
    job = submit("test.plain")
    unknown = stranger.api.get(f"/v1/jobs/job_{'0' * 32}").json()["error"]["code"]
    for method, path in [
        ("get", f"/v1/jobs/{job.ref}"),
        ("get", f"/v1/jobs/{job.ref}?wait=5"),
        ("get", f"/v1/jobs/{job.ref}/log"),
        ("post", f"/v1/jobs/{job.ref}:cancel"),
        ("post", f"/v1/jobs/{job.ref}:retry"),
    ]:
        answer = getattr(stranger.api, method)(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, unknown)
    assert stranger.api.get("/v1/jobs").json()["items"] == []
    assert fresh(job).state == "queued"


def test_a_viewer_may_look_but_not_cancel(submit, viewer):
    job = submit("test.plain")
    assert viewer.api.get(f"/v1/jobs/{job.ref}").status_code == 200
    assert viewer.api.post(f"/v1/jobs/{job.ref}:cancel").status_code == 403


def test_waiting_ends_with_the_next_change(submit, owner):
    job = submit("test.plain")

    def later():
        time.sleep(0.5)
        states.claim(processes.me())
        connection.close()

    change = threading.Thread(target=later)
    change.start()
    body = owner.api.get(f"/v1/jobs/{job.ref}?wait=20").json()["job"]
    change.join()
    assert body["state"] == "running"


@pytest.mark.parametrize("wait", ["x", "-1", "31", "1e3", "\u0663"])
def test_a_wrong_wait_is_refused(submit, owner, wait):
    assert owner.api.get(f"/v1/jobs/{submit().ref}", {"wait": wait}).status_code == 400


def test_cancel_and_retry_over_the_api(submit, owner, teammate):
    job = submit("test.plain")
    answer = teammate.api.post(f"/v1/jobs/{job.ref}:cancel")
    assert (answer.status_code, answer.json()["job"]["state"]) == (202, "cancelled")
    assert owner.api.post(f"/v1/jobs/{job.ref}:retry").json()["job"]["state"] == "queued"
    again = owner.api.post(f"/v1/jobs/{job.ref}:retry")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "STATE_CONFLICT")


def test_a_repeated_retry_with_its_key_is_replayed(submit, owner):
    job = submit("test.refuse")
    runner.wake()
    key = {"HTTP_IDEMPOTENCY_KEY": "retry-once-please"}
    first = owner.api.post(f"/v1/jobs/{job.ref}:retry", **key)
    runner.wake()
    second = owner.api.post(f"/v1/jobs/{job.ref}:retry", **key)
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.headers["Idempotent-Replay"] == "true"
    assert fresh(job).state == "failed"


def test_the_log_goes_on_from_a_line(claimed, owner):
    job = claimed("test.plain")
    states.write_tail(job, states.Tail(lines=[states.line(job, f"line {n}") for n in range(1, 4)]))
    states.succeed_alone(job, {}, states.Tail(lines=[states.line(job, "line 4", "warning")]))
    path = f"/v1/jobs/{job.ref}/log"
    assert [line["text"] for line in owner.api.get(path).json()["items"]] == [f"line {n}" for n in range(1, 5)]
    last = owner.api.get(f"{path}?since=3").json()["items"]
    assert [(line["n"], line["level"]) for line in last] == [(4, "warning")]
