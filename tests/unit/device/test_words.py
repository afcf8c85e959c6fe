from typing import Any

import pytest

from device.words import changes, fate, numbered, task_words
from reconciliation.preview import Change
from shared.assist import Answer
from shared.ids import sha256_hex
from shared.records import AssistTask, ExternalWrite, TaskStatus, WriteStatus
from shared.routing import DataClass, Route, Tier
from tests.builders import JOB, NOW, new_id


def test_a_number_says_its_epoch_where_numbers_began_anew() -> None:
    assert [numbered(1, 7), numbered(2, 7), numbered(None, 3)] == ["#7", "#2/7", "#3"]


@pytest.mark.parametrize(
    ("status", "more", "said"),
    [
        ("queued", {}, "not yet with erp"),
        ("sending", {}, "on its way to erp"),
        ("done", {"reference": "PO-9"}, "erp has it as PO-9"),
        ("done", {}, "erp has it"),
        ("refused", {"detail": "no such part"}, "erp did not take it: no such part"),
        ("parked", {}, "the office finds out whether erp has it"),
    ],
)
def test_the_fate_of_an_order_is_said_in_words(status: str, more: dict[str, Any], said: str) -> None:
    write = ExternalWrite(command=new_id(), system="erp", record=JOB, status=WriteStatus(status), **more)
    assert fate(write) == said


ID = new_id()
ANSWER = Answer(
    task=ID,
    text="the inner one",
    route=Route.PRIVATE_CLUSTER,
    model="m-1",
    runtime="r",
    tier=Tier.HIGH,
    data_class=DataClass.INTERNAL,
    decision=sha256_hex(b""),
    bundle_version="1",
    took_s=1.0,
    tokens=3,
    disclosure="Answered in our own cluster.",
)


@pytest.mark.parametrize(
    ("status", "more", "said"),
    [
        ("queued", {}, "waits for the cluster"),
        ("queued", {"detail": "no room"}, "waits for the cluster: no room"),
        ("running", {}, "is with the cluster"),
        (
            "done",
            {"answer": ANSWER},
            "was answered: “the inner one” (PRIVATE CLUSTER, m-1: Answered in our own cluster.)",
        ),
        ("failed", {"detail": "tried 5 times"}, "has no answer: tried 5 times"),
        ("expired", {"detail": "its time was over"}, "came too late: its time was over"),
        ("refused", {"detail": "not permitted"}, "did not run: not permitted"),
    ],
)
def test_what_became_of_a_question_is_said_in_words(status: str, more: dict[str, Any], said: str) -> None:
    task = AssistTask(
        record=JOB,
        command=ID,
        question="which seal?",
        purpose="answer",
        asked_by="a.okafor",
        asked_at=NOW,
        status=TaskStatus(status),
        **more,
    )
    assert task_words(task) == said


def test_a_question_that_is_about_to_be_left_is_one_line() -> None:
    fields = {"record": JOB, "question": "which seal?", "purpose": "answer", "data_class": None}
    asked = [Change(f"assist_task/{ID}", name, None, value) for name, value in fields.items()]
    assert changes(asked) == ["ask the cluster about WO-1: “which seal?”"]
