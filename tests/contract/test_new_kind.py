"""Adding a command kind takes one file: the example that CONTRIBUTING shows is taken at its word."""

import re
from pathlib import Path
from textwrap import dedent
from typing import Annotated, Any

import pytest
from pydantic import Field

import shared.commands
from shared.commands import CATALOGUE
from shared.commands.base import FIELD_AND_STAFF, Command, Edit, Effect, Kind, Payload
from shared.outcomes import Outcome
from tests.builders import PUMP, RESOLVER, Person, World, office, record

GUIDE = Path(__file__).parents[2] / "CONTRIBUTING.md"


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> str:
    source = re.search(r"^    \"\"\"``location.corrected``.*?(?=^\S)", GUIDE.read_text(encoding="utf-8"), re.M | re.S)
    assert source, "CONTRIBUTING shows the example"
    given = {
        "Annotated": Annotated,
        "Command": Command,
        "Edit": Edit,
        "Effect": Effect,
        "FIELD_AND_STAFF": FIELD_AND_STAFF,
        "Field": Field,
        "Kind": Kind,
        "Payload": Payload,
        "__name__": "shared.commands.location_corrected",
    }
    exec(dedent(source.group()), given)
    made: Any = given["LocationCorrected"]
    monkeypatch.setattr(shared.commands, "CATALOGUE", {**CATALOGUE, made.kind.name: made})
    return str(made.kind.name)


def test_the_new_kind_is_applied_merged_and_conflicts_without_a_line_of_merging_code(kind: str) -> None:
    world = World.of(record(PUMP, location="hall A"))
    first, second = Person.at(world), Person.at(world, "TB-02", "b.lind")
    one = first.say(kind, PUMP, location="hall B")
    two = second.say(kind, PUMP, location="yard")
    assert world.settle(one).outcome is Outcome.APPLIED
    assert world.records[PUMP].fields["location"] == "hall B"
    ruling = world.settle(two)
    assert ruling.outcome is Outcome.CONFLICT
    settlement = {"record": PUMP, "field": "location", "choice": "keep_mine", "value": "yard"}
    world.settle(office(world).say("conflict.resolved", str(ruling.conflict), settlements=[settlement]), RESOLVER)
    assert world.records[PUMP].fields["location"] == "yard"
