"""Any kind of command, typed on either command line, and the questions of the office; a real server process."""

import json
from pathlib import Path
from typing import Any

import pytest

from device.words import forecast_words
from shared.outcomes import Hold, Outcome
from shared.sync import Forecast
from simulators import processes
from tests.builders import new_id
from tests.integration.test_commands import call, home, laptop, told, url

__all__ = ["home", "laptop", "url"]

TYPED: dict[str, tuple[str, dict[str, Any]]] = {
    "checklist_item.done": ("WO-1042", {"item": "1"}),
    "finding.added": ("WO-1033", {"text": "guard loose", "severity": "minor"}),
    "part.ordered": ("WO-1033", {"stock_item": "stock_item/FLT-200", "quantity": 2}),
    "tags.changed": ("WO-1033", {"add": ["leak"]}),
}


@pytest.fixture(autouse=True, scope="module")
def synced(laptop: list[str]) -> None:
    told(laptop, "sync")


@pytest.mark.parametrize("kind", sorted(TYPED))
def test_a_kind_is_typed_shown_saved_and_accepted(laptop: list[str], kind: str) -> None:
    record, payload = TYPED[kind]
    words = ["command", kind, record, json.dumps(payload)]
    shown = told(laptop, *words)
    assert shown["saved"] == []
    assert shown["changes"][0]["record"] == f"work_order/{record}"
    (saved,) = told(laptop, *words, "--yes")["saved"]
    assert saved in {item["id"] for item in told(laptop, "sync")["items"] if item["outcome"] in {"applied", "merged"}}


def test_a_new_job_is_typed_on_the_laptop(laptop: list[str], home: Path) -> None:
    payload = '{"title": "Follow up", "asset": "asset/PUMP-7"}'
    made = told(laptop, "command", "work_order.created", "new", payload, "--yes")
    assert made["record"].startswith("work_order/F-")
    told(laptop, "sync")
    assert processes.administer(home, "record", "show", made["record"])["record"]["fields"]["title"] == "Follow up"


def test_any_kind_is_given_at_the_office(home: Path, url: str) -> None:
    payload = '{"title": "Planned", "asset": "asset/PUMP-7"}'
    made = processes.administer(home, "command", "work_order.created", "new", payload, "--as", "m.reyes")
    words = [
        "command",
        "work_order.assigned",
        made["record"].partition("/")[2],
        '{"assignee": "b.lind", "team": null}',
    ]
    assert processes.administer(home, *words, "--as", "m.reyes")["receipt"]["outcome"] == "applied"
    titled = ["command", "field.updated", made["record"], '{"field": "title", "value": "Planned well"}']
    assert processes.administer(home, *titled, "--as", "m.reyes")["receipt"]["outcome"] == "applied"
    late = ["command", "field.updated", made["record"], '{"field": "title", "value": "Late"}', "--seen", "1"]
    done = call("sync_server", *late, "--as", "m.reyes", "--home", str(home), "--json")
    assert (done.returncode, json.loads(done.stdout)["receipt"]["outcome"]) == (1, "conflict")


def test_a_question_is_left_for_the_cluster_and_the_office_sees_who_waits(laptop: list[str], home: Path) -> None:
    words = ["command", "assist.request", "WO-1033", '{"question": "which seal fits?", "data_class": "internal"}']
    shown = told(laptop, *words)
    assert {change["field"]: change["new"] for change in shown["changes"]}["question"] == "which seal fits?"
    (saved,) = told(laptop, *words, "--yes")["saved"]
    told(laptop, "sync")
    (waits,) = processes.administer(home, "task", "list")["tasks"]
    assert (waits["work"]["command"], waits["record"]["fields"]["status"]) == (saved, "queued")
    assert waits["work"]["attempts"] == 0, "this server has no cluster"
    plain = call("sync_server", "task", "show", saved, "--home", str(home)).stdout
    assert "asked by a.okafor about work_order/WO-1033: “which seal fits?”" in plain
    missing = call("sync_server", "task", "show", new_id(), "--home", str(home))
    assert (missing.returncode, "Check the name" in missing.stderr) == (1, True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nope", "WO-1042", "{}"], "There is no command kind nope. The kinds: approval.decided"),
        (["note.added", "WO-1042", "{text"], "not JSON"),
        (["note.added", "WO-1042", "[]"], "a JSON object. It takes text."),
        (["note.added", "WO-1042", '{"words": 1}'], "words: Extra inputs are not permitted"),
        (["note.added", "new", '{"text": "x"}'], "is about a record that is there"),
        (["note.added", "a/b c", '{"text": "x"}'], "Write KIND/ID"),
        (
            [
                "attachment.added",
                "WO-1042",
                json.dumps({"sha256": "a" * 64, "size": 1, "media_type": "a/b", "name": "x"}),
            ],
            "tailboard attach",
        ),
    ],
)
def test_a_mistyped_command_is_a_sentence(home: Path, laptop: list[str], words: list[str], sentence: str) -> None:
    for done in (
        call("device", "command", *words, *laptop),
        call("sync_server", "command", *words, "--as", "m.reyes", "--home", str(home)),
    ):
        assert done.returncode == 2
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr


def test_the_office_asks_and_the_technician_answers(home: Path, laptop: list[str]) -> None:
    ask = ["command", "question.asked", "WO-1036", '{"text": "Which valve?"}', "--as", "m.reyes"]
    processes.administer(home, *ask)
    told(laptop, "sync")
    assert told(laptop, "status")["questions"] == 1
    (asked,) = told(laptop, "question", "list")["questions"]
    assert (asked["record"], asked["text"], asked["answers"]) == ("work_order/WO-1036", "Which valve?", [])
    told(laptop, "question", "answer", "7", "Left", code=1)
    told(laptop, "question", "answer", "1", "The left one")
    told(laptop, "sync")
    assert told(laptop, "status")["questions"] == 0
    answers = processes.administer(home, "record", "show", "WO-1036")["record"]["fields"]["answers"]
    assert [each["text"] for each in answers] == ["The left one"]


def test_a_laptop_says_what_the_server_forecasts_in_words() -> None:
    told = Forecast(id=new_id(), outcome=Outcome.CONFLICT, conflicting=("work_order/WO-1042 due_on",))
    assert forecast_words(told) == "the server says: conflict: somebody else changed due on of WO-1042"
    held = Forecast(id=new_id(), hold=Hold.WAITING, detail="number 3 has not arrived yet")
    assert forecast_words(held).startswith("the server says: The server has it. It waits")
