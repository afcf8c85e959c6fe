"""The verbs about routes, consents and evidence, as programs, against a real server process without a cluster."""

import json

import pytest

from tests.integration.test_commands import call, home, laptop, told, url

__all__ = ["home", "laptop", "url"]


@pytest.fixture(autouse=True, scope="module")
def synced(laptop: list[str]) -> None:
    told(laptop, "sync")


def test_where_a_question_would_run_is_explained_and_nothing_is_recorded(laptop: list[str]) -> None:
    words = ["route", "explain", "which filter fits?", "--job", "WO-1042"]
    before = told(laptop, "evidence", "verify")["entries"]
    there = told(laptop, *words, "--what-if", "model=none,cluster=high,link=up")
    assert (there["badge"], there["decision"]["route"]) == ("PRIVATE CLUSTER", "private_cluster")
    here = told(laptop, *words, "--what-if", "model=basic,link=down")
    assert here["badge"] == "THIS LAPTOP"
    assert told(laptop, *words, "--class", "restricted", "--what-if", "model=none,cluster=high")["badge"] == "NOWHERE"
    assert told(laptop, "evidence", "verify")["entries"] == before


def test_what_is_supposed_wrongly_is_said(laptop: list[str]) -> None:
    done = call("device", "route", "explain", "why?", "--what-if", "moon=full", *laptop)
    assert done.returncode == 1
    assert "It takes: link=up" in done.stderr


def test_a_consent_is_given_listed_and_taken_back(laptop: list[str]) -> None:
    given = told(laptop, "consent", "give", "WO-1042", "--hours", "2")["consent"]
    assert (given["target"], given["reach"], given["conversation"]) == ("private_cluster", "job", "WO-1042")
    (shown,) = told(laptop, "consent", "list")["consents"]
    assert (shown["consent"]["id"], shown["standing"]) == (given["id"], "in_force")
    told(laptop, "consent", "revoke", given["id"])
    assert [each["standing"] for each in told(laptop, "consent", "list")["consents"]] == ["revoked"]
    assert told(laptop, "evidence", "verify")["broken"] is None
    kinds = [each["kind"] for each in told(laptop, "evidence", "metadata")["entries"]]
    assert kinds == ["consent", "consent"]


@pytest.mark.requires("model")
def test_a_question_is_answered_by_the_model_that_ships(laptop: list[str]) -> None:
    done = call("device", "ask", "which filter fits the pump?", "--json", *laptop)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["outcome"], said["badge"], said["answer"]["moved"]) == ("answered", "THIS LAPTOP", [])
    assert said["answer"]["text"]
    assert done.stderr.startswith("THIS LAPTOP: ")
    capability = told(laptop, "status")["capability"]
    assert capability["model"] == said["answer"]["model"]
    assert capability["tokens_per_s"] > 0
    plain = call("device", "ask", "Ms Harrington was injured, what now?", *laptop[:-1])
    assert "[THIS LAPTOP]" in plain.stdout
    assert "Moved: nothing." in plain.stdout
