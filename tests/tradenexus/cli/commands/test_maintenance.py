"""`nexus maintenance`: what it sends, what it shows, and the exit code of damage."""

import pytest

OK = {"chore": "fsck", "ok": True, "finishedAt": "2024-01-01T00:00:00Z", "jobId": "job_" + "0" * 32, "result": {}}


@pytest.fixture
def asked(platform):
    """Let the platform take a chore, whose job ends with a result."""

    def asked(chore, **result):
        platform.answers[f"/v1/maintenance/{chore}"] = {"job": platform.job(f"maintenance.{chore}", result=result)}

    return asked


def sent(platform):
    return next((path, body) for method, path, body in reversed(platform.seen) if method == "POST")


def test_status_shows_the_newest_results_and_what_never_ran(platform, nexus):
    platform.answers["/v1/maintenance"] = {"results": {"fsck": OK, "gc": None}}
    ran = nexus("maintenance", "status")
    assert ran.out.startswith("fsck\tyes\t")
    assert "never run: gc" in ran.err


@pytest.mark.parametrize(
    ("words", "body"),
    [
        (["fsck", "--deep"], {"deep": True}),
        (["scrub"], {"whole": False}),
        (["gc", "--dry-run"], {"dryRun": True}),
    ],
)
def test_a_chore_is_asked_for_with_its_wish(platform, nexus, asked, words, body):
    asked(words[0], ok=True)
    ran = nexus("maintenance", *words)
    assert (ran.code, sent(platform)) == (0, (f"/v1/maintenance/{words[0]}", body))
    assert "Web: " in ran.err


def test_waiting_shows_the_result_and_damage_is_exit_7(nexus, asked):
    asked("fsck", ok=True, dangling={"count": 0})
    assert nexus("maintenance", "fsck", "--wait").code == 0
    asked("fsck", ok=False, dangling={"count": 2})
    ran = nexus("maintenance", "fsck", "--wait")
    assert ran.code == 7
    assert "DANGLING\t2" in ran.out


def test_a_scrub_says_how_many_other_files_it_read(nexus, asked):
    asked("scrub", ok=False, segments=2, versions=1, files=3, knownDamaged=1)
    ran = nexus("maintenance", "scrub", "--wait")
    assert (ran.code, "FILES READ\t3" in ran.out, "DAMAGED\t1" in ran.out) == (7, True, True)
