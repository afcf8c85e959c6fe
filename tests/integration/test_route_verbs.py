"""The verbs about routes, consents and evidence, as programs, against a real server process without a cluster."""

import json
from pathlib import Path

import httpx
import pytest

from simulators import processes
from tests.integration.test_commands import call, home, laptop, told, url

__all__ = ["home", "laptop", "url"]


@pytest.fixture(autouse=True, scope="module")
def synced(laptop: list[str], home: Path) -> None:
    """Without manuals, which would be quoted before a model this small is asked."""
    for each in processes.administer(home, "document", "list")["documents"]:
        named = each["ref"].removeprefix("document/")
        processes.administer(home, "document", "withdraw", named, "--reason", "none here", "--as", "s.varga")
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


def test_evidence_is_counted_and_written_as_spans(laptop: list[str], tmp_path: Path) -> None:
    summary = told(laptop, "evidence", "summary")
    acts = {each["labels"]["act"]: each["value"] for each in summary["counts"] if "act" in each["labels"]}
    assert acts == {"given": 1, "revoked": 1}
    spans = told(laptop, "evidence", "spans", str(tmp_path / "spans.json"))
    written = json.loads((tmp_path / "spans.json").read_text(encoding="utf-8"))
    assert len(written["resourceSpans"][0]["scopeSpans"][0]["spans"]) == spans["spans"]
    again = call("device", "evidence", "spans", str(tmp_path / "spans.json"), *laptop)
    assert (again.returncode, "is there already" in again.stderr) == (1, True)


def test_what_was_told_is_measured_and_replayed_at_the_server(laptop: list[str], home: Path) -> None:
    told(laptop, "sync")
    assert told(laptop, "evidence", "summary")["waiting"] == 0
    server = ["--home", str(home), "--json"]
    metrics = json.loads(call("sync_server", "metrics", *server).stdout)["metrics"]
    values = {each["name"]: each["value"] for each in metrics}
    assert values["tailboard_traces_total"] >= 2
    assert values["tailboard_evidence_missing"] == 0
    assert call("sync_server", "policy", "diff", "--since", "1d", *server).returncode == 0
    for words in (("--since", "yesterday"), (), ("--since", "1d", "--replay", "x")):
        assert call("sync_server", "policy", "diff", *words, *server).returncode == 2, words


def test_the_metrics_are_read_with_the_token_that_was_made(url: str, home: Path) -> None:
    assert httpx.get(f"{url}/metrics").status_code == 404
    server = ["--home", str(home), "--json"]
    made = json.loads(call("sync_server", "metrics-token", *server).stdout)
    token = Path(made["file"]).read_text(encoding="ascii").strip()
    assert httpx.get(f"{url}/metrics").status_code == 401
    page = httpx.get(f"{url}/metrics", headers={"authorization": f"Bearer {token}"})
    assert (page.status_code, "tailboard_traces_total{" in page.text) == (200, True)
    assert call("sync_server", "metrics-token", *server).returncode == 1
