"""The fields of jobs that people set: who set which value, in the order in which it came to stand."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from simulators.checkers.base import Evidence

#: The fields whose last value stands, of those that are set in these worlds.
FIELDS = frozenset({"description", "status"})
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Setting:
    """A value that a command set, at its place in the audit, and the version that its record became by it.

    `decided` says that a person settled a conflict with it.
    """

    place: int
    version: int
    command: str
    value: Any
    decided: bool


def settings_of(evidence: Evidence) -> Mapping[Place, list[Setting]]:
    """By record and field, what was set there since the beginning; the last one stands.

    By the signed bytes, what each command asks for; by the receipts, in which order they took effect.
    """
    found: defaultdict[Place, list[Setting]] = defaultdict(list)
    stand_ins = evidence.stand_ins()  # each shares the outcome of the one that it stands for
    for each in evidence.everything().values():
        if each.effective and each.id not in evidence.start.received and each.id not in stand_ins:
            for (ref, field), value in _set_by(each.command):
                if field in FIELDS:
                    decided = each.command["kind"] == "conflict.resolved"
                    told = each.answer or {}
                    at, version = told["audit_position"], told["versions"].get(ref, 0)
                    found[ref, field].append(Setting(at, version, each.id, value, decided))
    return {where: sorted(there, key=lambda each: each.place) for where, there in found.items()}


def _set_by(command: Mapping[str, Any]) -> Iterator[tuple[Place, Any]]:
    ref, payload = command["record"], command["payload"]
    if command["kind"] == "field.updated":
        yield (ref, payload["field"]), payload["value"]
    elif command["kind"] == "status.changed":
        yield (ref, "status"), payload["to"]
    elif command["kind"] == "conflict.resolved":
        for each in payload["settlements"]:
            yield (each["record"], each["field"]), each["value"]
