"""A value that somebody set is never replaced by a person who had not seen it; where two met, both stay readable."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from simulators.checkers.base import Checker, Evidence, Finding
from simulators.checkers.settings import FIELDS, settings_of
from simulators.evidence import Received

#: The fields that get their values from technicians' own words alone, in these worlds.
SET_BY_PEOPLE = frozenset({"description"})
_Place = tuple[str, str]


def judge(evidence: Evidence) -> Iterator[Finding]:
    """By what people said, what they had seen when they said it (in the signed bytes), and the order of versions."""
    yield from _overwritten(evidence)
    if not evidence.lives:  # the versions of a life that was set back are others'
        yield from _never_seen(evidence)
    yield from _retrievable(evidence)


def _overwritten(evidence: Evidence) -> Iterator[Finding]:
    set_at: defaultdict[_Place, list[tuple[Received, Any]]] = defaultdict(list)
    commands = evidence.everything()
    for command, said in evidence.effective().items():
        if said.kind == "field.updated":
            set_at[said.record, said.payload["field"]].append((commands[command], said.payload["value"]))
    for (ref, field), setters in set_at.items():
        for (each, value), (other, stood) in product(setters, setters):
            seen = _seen(each, ref, field)
            if seen is None or other.device == each.device or value == stood:
                continue
            if seen < _version(other, ref) < _version(each, ref):
                yield Finding(each.id, f"replaced the {field} of {ref} by {other.id}, which its author had not seen")


def _never_seen(evidence: Evidence) -> Iterator[Finding]:
    """The signed bytes name the value that was seen and its version: that value has to have stood there then."""
    set_there = settings_of(evidence)
    for each in evidence.brought():
        for base in each.command["bases"]:
            ref, field = base["record"], base["field"]
            before = evidence.start.records.get(ref)
            if field not in FIELDS or before is None or base.get("command"):
                continue
            stood = [before["fields"][field]]
            stood += [other.value for other in set_there.get((ref, field), ()) if other.version <= base["version"]]
            if base["value"] != stood[-1]:
                yield Finding(
                    each.id, f"says to have seen version {base['version']} of {ref}, and saw another {field}"
                )


def _seen(each: Received, ref: str, field: str) -> int | None:
    """The version that its author saw; None if what they saw was their own pending command."""
    for base in each.command["bases"]:
        if (base["record"], base["field"]) == (ref, field):
            return None if base.get("command") else int(base["version"])
    return int(each.command["base_version"])


def _version(each: Received, ref: str) -> int:
    assert each.answer is not None, "only what took effect is asked"
    return int(each.answer["versions"].get(ref, 0))


def _retrievable(evidence: Evidence) -> Iterator[Finding]:
    given_as = {command: stand_in for stand_in, command in evidence.stand_ins().items()}
    for command, said in evidence.said.items():
        here = evidence.here(command)
        if here is None or here.answer is None or here.answer["outcome"] != "conflict":
            continue
        conflict = evidence.server.records.get(f"conflict/{given_as.get(command, command)}")
        if conflict is None:
            yield Finding(command, "lost against another value, and no conflict keeps both")
            continue
        mine = {clash["field"]: clash["mine"]["value"] for clash in conflict["fields"]["clashes"]}
        if said.kind == "field.updated" and mine.get(said.payload["field"]) != said.payload["value"]:
            yield Finding(command, "its conflict does not keep what its author said")
        if not all(_stood(evidence, clash) for clash in conflict["fields"]["clashes"]):
            yield Finding(command, "its conflict does not keep what stood against it")


def _stood(evidence: Evidence, clash: Mapping[str, Any]) -> bool:
    """Whether somebody signs for the value against it, and it is one that stood there once, as far as we know."""
    theirs, place = clash["theirs"], (clash["record"], clash["field"])
    if clash["field"] not in SET_BY_PEOPLE:
        return bool(theirs["actor"])
    before = evidence.start.records.get(clash["record"])
    values = [before["fields"][clash["field"]]] if before else []
    values += [
        said.payload["value"]
        for said in evidence.meant().values()
        if said.kind == "field.updated" and (said.record, said.payload["field"]) == place
    ]
    return bool(theirs["actor"]) and theirs["value"] in values


CHECKER = Checker("no-silent-overwrite", judge)
