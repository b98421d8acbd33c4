"""The plan: what the environment says wins, what is missing gets the embedded default."""

import pytest

from tradenexus.stack import plan
from tradenexus.stack.home import Home


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path)
    made.make()
    return made


def test_sandbox_plays_lona_unless_a_gateway_is_named():
    assert plan.wants_sandbox({})
    assert not plan.wants_sandbox({"LONA_GATEWAY_URL": "https://lona.example"})


def test_everything_through_the_sandbox_is_labelled(home):
    env = plan.environment(home, 4321, 8000, {})
    assert env["LONA_GATEWAY_URL"] == "http://127.0.0.1:4321"
    assert env["LONA_PROVIDER_LABEL"] == "Sandbox (local)"


def test_no_secret_stands_in_the_environment_itself(home):
    env = plan.environment(home, 4321, 8000, {})
    for path in (home.secret_key_file, home.agent_token_file):
        assert path.read_text().strip() not in env.values()


def test_only_the_sandbox_knows_the_token_it_accepts(home):
    built = plan.embedded(home, plan.environment(home, 4321, 8000, {}), 4321)
    token = home.agent_token_file.read_text().strip()
    assert [name for name, env in built.only_for.items() if token in env.values()] == ["lona"]


def test_given_secret_key_is_not_overruled_by_the_file(home):
    assert "NEXUS_SECRET_KEY_FILE" not in plan.environment(home, 0, 8000, {"NEXUS_SECRET_KEY": "x" * 50})


def test_real_gateway_starts_no_sandbox(home):
    built = plan.embedded(home, plan.environment(home, 0, 8000, {"LONA_GATEWAY_URL": "https://lona.example"}), 0)
    assert list(built.services) == ["worker"]
    assert built.env["LONA_GATEWAY_URL"] == "https://lona.example"
