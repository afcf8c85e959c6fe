from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from reconciliation.compose import Author, compose_draft
from reconciliation.draft import draft_of
from reconciliation.expiry import OFFLINE_MAX
from reconciliation.rebase import View
from shared.commands import CATALOGUE, UnknownKind, payload_class
from shared.commands.base import Creation, Edit, read_command
from shared.ids import kind_of
from shared.records import KINDS, rule_of
from shared.routing import DataClass
from tests.builders import JOB, NOW, PUMP, SEAL, Person, World, new_id, record

ID = new_id()
EXAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "note.added": (JOB, {"text": "hello"}),
    "reading.recorded": (JOB, {"asset": PUMP, "quantity": "pressure", "value": 4.2, "unit": "bar"}),
    "status.changed": (JOB, {"to": "done"}),
    "field.updated": (JOB, {"field": "priority", "value": "high"}),
    "part.consumed": (JOB, {"stock_item": SEAL, "quantity": 1}),
    "conflict.resolved": (
        "conflict/x",
        {"settlements": [{"record": JOB, "field": "priority", "choice": "edit", "value": "low"}]},
    ),
    "approval.decided": ("approval/x", {"choice": "approve"}),
    "work_order.created": (
        "work_order/F-1",
        {"title": "Follow up", "asset": PUMP, "parent": JOB, "checklist": ["a"]},
    ),
    "work_order.assigned": (JOB, {"assignee": "b.lind", "team": "pumps"}),
    "checklist_item.done": (JOB, {"item": "1"}),
    "finding.added": (JOB, {"text": "guard loose", "severity": "safety"}),
    "part.ordered": (JOB, {"stock_item": SEAL, "quantity": 2}),
    "question.asked": (JOB, {"text": "which seal?"}),
    "question.answered": (JOB, {"question": ID, "text": "the inner one"}),
    "attachment.added": (JOB, {"sha256": "a" * 64, "size": 9, "media_type": "image/jpeg", "name": "seal.jpg"}),
    "tags.changed": (JOB, {"add": ["leak"]}),
    "resolution.undone": (
        "conflict/x",
        {"settlements": [{"record": JOB, "field": "priority", "choice": "edit", "value": "low"}]},
    ),
    "external.recorded": ("external_write/x", {"status": "done", "reference": "PO-1", "attempts": 1}),
    "external.decided": ("external_write/x", {"verdict": "retry", "reason": "they lost it"}),
    "assist.request": (JOB, {"question": "which seal?", "data_class": "internal"}),
    "assist.cancelled": ("assist_task/x", {}),
    "assist.recorded": ("assist_task/x", {"status": "running", "attempts": 1}),
    "document.added": (
        "document/nx-pumps",
        {
            "title": "NX pumps",
            "file": "nx.md",
            "media_type": "text/markdown",
            "sha256": "a" * 64,
            "size": 9,
            "revision": "7",
        },
    ),
    "document.withdrawn": ("document/nx-pumps", {"reason": "replaced by another"}),
    "record.imported": ("asset/NEW", {"fields": {"name": "New", "type": "pump"}}),
}


def test_every_kind_is_exercised_here() -> None:
    assert set(EXAMPLES) == set(CATALOGUE)


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_a_kind_declares_what_the_rules_need(name: str) -> None:
    kind = CATALOGUE[name].kind
    assert kind.roles
    assert timedelta(0) < kind.lifetime <= OFFLINE_MAX
    assert kind.subject in {*KINDS, ""}
    for group in kind.atomic:
        for place in group:
            rule_of(*place.split("."))


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_command_touches_fields_that_exist_and_is_as_sensitive_as_the_most_sensitive_of_them(name: str) -> None:
    ref, payload = EXAMPLES[name]
    me = Person.at(World.of(record(JOB), record(PUMP), record(SEAL)))
    command = me.say(name, ref, **payload)
    effects = CATALOGUE[name].model_validate(command.payload).effects(command)
    touched = [(e.record, n) for e in effects if isinstance(e, Creation) for n in e.fields]
    touched += [(e.record, e.field) for e in effects if isinstance(e, Edit)]
    classes = [rule_of(kind_of(ref), field).data_class for ref, field in touched]
    assert command.data_class is max(classes, key=lambda each: each.rank)
    assert CATALOGUE[name].model_validate(payload).summary("WO-1")


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_what_was_composed_is_what_everybody_reads(name: str) -> None:
    ref, payload = EXAMPLES[name]
    author = Author(ID, "t", "TB-01", "a.okafor", NOW, "p1", (1, 1, None))
    view = View(dict(World.of(record(JOB), record(PUMP), record(SEAL)).records))
    draft = compose_draft(CATALOGUE[name].model_validate(payload), ref, author, view)
    assert draft_of(read_command(draft.command.to_bytes())) == draft


def test_a_note_is_personal_and_a_status_is_not() -> None:
    me = Person.at(World.of(record(JOB)))
    assert me.say("note.added", text="x").data_class is DataClass.PERSONAL
    assert me.say("status.changed", to="done").data_class is DataClass.INTERNAL


@pytest.mark.parametrize(("name", "version"), [("pump.exploded", 1), ("note.added", 2)])
def test_what_this_version_does_not_know_is_named(name: str, version: int) -> None:
    with pytest.raises(UnknownKind, match=name):
        payload_class(name, version)


@pytest.mark.parametrize("text", ["", "x" * 4001])
def test_a_note_has_words_and_not_too_many(text: str) -> None:
    with pytest.raises(ValidationError):
        CATALOGUE["note.added"].model_validate({"text": text})
