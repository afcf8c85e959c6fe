"""Payloads of older schema versions: bytes as they were really sent, and a kind with three versions."""

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

import shared.commands
from shared.commands import CATALOGUE, UnknownKind, read_command, read_payload
from shared.commands.base import FIELD_AND_STAFF, Command, Edit, Effect, Kind, Payload, Upcaster
from shared.commands.conflict_resolved import ConflictResolved
from shared.commands.status_changed import StatusChanged
from shared.envelope import COMMAND_TYPE, Envelope, WireEnvelope, verify
from tests.builders import Person, World, record

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "commands_v1.json").read_text(encoding="utf-8"))


def recorded() -> list[Command]:
    """The commands of the first catalogue, from their signed bytes."""
    envelopes = [Envelope.from_wire(WireEnvelope.model_validate(each)) for each in GOLDEN["envelopes"]]
    for envelope in envelopes:
        verify(envelope, COMMAND_TYPE, bytes.fromhex(GOLDEN["public_key"]))
    return [read_command(envelope.payload) for envelope in envelopes]


@pytest.mark.parametrize("command", recorded(), ids=lambda command: command.kind)
def test_every_recorded_command_is_still_understood(command: Command) -> None:
    payload = read_payload(command)
    assert payload.effects(command)
    assert payload.to_json().items() >= command.payload.items()


def test_an_old_status_has_no_reason_and_an_old_resolution_settles_everything() -> None:
    old = {command.kind: read_payload(command) for command in recorded()}
    status, resolution = old["status.changed"], old["conflict.resolved"]
    assert isinstance(status, StatusChanged)
    assert isinstance(resolution, ConflictResolved)
    assert (status.to, status.reason) == ("on_hold", "")
    assert resolution.closes


class ValveTurned(Payload):
    """A kind of which two older versions are about: first `turns`, then `quarters`, now `degrees`."""

    kind = Kind("valve.turned", 3, "asset", "Turn valve", FIELD_AND_STAFF)
    upcasters: ClassVar[dict[int, Upcaster]] = {
        1: lambda old: {"quarters": _times(old.get("turns"), 4)},
        2: lambda old: {"degrees": _times(old.get("quarters"), 90)},
    }

    degrees: int

    def effects(self, command: Command) -> tuple[Effect, ...]:
        return (Edit(command.record, "location", f"{self.degrees}"),)

    def summary(self, label: str) -> str:
        return f"{label}: {self.degrees}"


def _times(value: Any, factor: int) -> Any:
    return value * factor if isinstance(value, int) else value


def turned(version: int, payload: dict[str, Any]) -> Command:
    command = Person.at(World.of(record("asset/PUMP-1"))).say(
        "field.updated", "asset/PUMP-1", field="location", value="x"
    )
    return command.model_copy(update={"kind": "valve.turned", "schema_version": version, "payload": payload})


@pytest.fixture
def valve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared.commands, "CATALOGUE", {**CATALOGUE, "valve.turned": ValveTurned})


@pytest.mark.usefixtures("valve")
@pytest.mark.parametrize(("version", "payload"), [(1, {"turns": 2}), (2, {"quarters": 8}), (3, {"degrees": 720})])
def test_two_versions_back_is_understood(version: int, payload: dict[str, Any]) -> None:
    assert read_payload(turned(version, payload)) == ValveTurned(degrees=720)


@pytest.mark.usefixtures("valve")
def test_a_newer_version_is_named_with_what_is_known() -> None:
    with pytest.raises(UnknownKind, match=r"valve\.turned version 4; this version knows 1 to 3"):
        read_payload(turned(4, {"radians": 3}))


@pytest.mark.usefixtures("valve")
def test_an_old_payload_that_never_fitted_does_not_fit_now() -> None:
    with pytest.raises(ValueError, match="degrees"):
        read_payload(turned(1, {"turns": "many"}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
STEPS = [(name, old) for name, known in CATALOGUE.items() for old in known.upcasters]


@pytest.mark.parametrize(("name", "old"), STEPS)
@given(payload=st.dictionaries(st.sampled_from(["to", "reason", "settlements", "closes", "x"]), JSON))
def test_an_upcaster_takes_any_object_and_leaves_it_alone(name: str, old: int, payload: dict[str, Any]) -> None:
    before = json.dumps(payload)
    assert isinstance(CATALOGUE[name].upcasters[old](payload), dict)
    assert json.dumps(payload) == before


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_at_most_the_two_versions_before_are_carried_without_a_gap(name: str) -> None:
    known = CATALOGUE[name]
    assert sorted(known.upcasters) == list(range(max(1, known.kind.version - 2), known.kind.version))
