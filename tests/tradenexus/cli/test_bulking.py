"""Many datasets from the command line, against the platform itself: views, plans, outcomes, exit codes."""

import threading

import pytest

from tests.kit.server import Server


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("bulking") / "server") as one:
        yield one


@pytest.fixture
def server(running, monkeypatch):
    monkeypatch.setenv("NEXUS_URL", running.url)
    monkeypatch.setenv("NEXUS_TOKEN", running.owner)
    return running


@pytest.fixture
def three(server, nexus, home):
    """Three uploaded files of this test's own name."""

    def make(name):
        for number in range(3):
            path = home / f"{name}-{number}.csv"
            path.write_text(f"timestamp,price,amount\n170406720000{number},1,2\n1704067300000,1,{len(name)}\n")
            sent = nexus("upload", path, "--name", f"{name}-{number}", "--symbol", "X", "--no-validate", "--json")
            assert sent.code == 0, sent.err
        server.work()
        return [f"{name}-{number}" for number in range(3)]

    return make


def test_all_that_match_are_archived_after_a_plan_and_a_yes(server, nexus, three):
    three("plan")
    words = ["dataset", "bulk", "archive", "--all", "--search", "plan-"]
    met = nexus(*words, "--dry-run", "--json").json
    assert [(one["status"], one["count"], one["allowed"]) for one in met] == [("uploaded", 3, True)]
    assert nexus(*words).code == 2  # nobody can be asked
    started = nexus(*words, "--yes", "--json")
    assert (started.code, started.json["total"]) == (0, 3)
    server.work()
    assert nexus("dataset", "list", "--search", "plan-", "--json").json == []
    assert len(nexus("dataset", "list", "--search", "plan-", "--state", "archived", "--json").json) == 3


def test_what_was_refused_is_listed_and_is_the_exit_code(server, nexus, three):
    first, second, _ = (nexus("dataset", "show", name, "--json").json["id"] for name in three("some"))
    assert nexus("dataset", "archive", first, "--yes").code == 0
    worker = threading.Timer(1, server.work)
    worker.start()
    told = nexus("dataset", "bulk", "archive", first, second, "--yes", "--wait", "--json")
    worker.join()
    assert told.code == 3
    assert "1 of 2 datasets were refused" in told.err
    assert {item["datasetId"]: item["state"] for item in told.json} == {first: "refused", second: "done"}


def test_which_datasets_has_to_be_said_once(server, nexus):
    assert nexus("dataset", "bulk", "archive", "--yes").code == 2
    assert nexus("dataset", "bulk", "archive", "a", "--all", "--yes").code == 2
    assert nexus("dataset", "bulk", "archive", "--all", "--search", "no such name", "--yes").code == 1
    assert nexus("dataset", "bulk", "shred", "--all", "--yes").code == 1


def test_views_are_made_used_renamed_and_deleted(server, nexus, three):
    three("seen")
    made = nexus("view", "create", "mine", "--search", "seen-1", "--owner", "me", "--json")
    assert made.json["query"] == "owner=me&q=seen-1"
    assert [one["name"] for one in nexus("dataset", "list", "--view", "mine", "--json").json] == ["seen-1"]
    assert nexus("dataset", "list", "--view", "mine", "--state", "ready", "--json").json == []
    assert nexus("view", "create", "mine").code == 6
    assert nexus("view", "rename", "mine", "ours", "--json").json["name"] == "ours"
    assert [one["name"] for one in nexus("view", "list", "--json").json] == ["ours"]
    assert nexus("view", "delete", "ours", "--yes").code == 0
    missing = nexus("dataset", "list", "--view", "ours")
    assert (missing.code, "there is no view 'ours'" in missing.err) == (5, True)


def test_a_viewer_is_refused(server, nexus, monkeypatch):
    monkeypatch.setenv("NEXUS_TOKEN", server.viewer)
    assert nexus("dataset", "bulk", "archive", "--all", "--yes").code == 4
