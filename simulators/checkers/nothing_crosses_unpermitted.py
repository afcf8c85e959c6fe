"""No byte of a question crosses a boundary that its class, its author's consent and a live statement did not open.

It is judged by what people really asked and agreed to, and by the bodies that left laptops and reached engines. The
rule of the house, stated again here: what is more sensitive than internal leaves a laptop only under a consent that
covers its class and was not taken back; nothing goes to the managed cloud; a question is as sensitive as anything
that was ever said about its job on that laptop; and nobody sends to a place whose statement had ended.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared import strict_json
from shared.routing import DataClass, highest
from simulators.checkers.base import Checker, Evidence, Finding
from simulators.crossings import Arrived, Asked, Left, Stated, Told, TookBack, mark_of

OPEN = DataClass.INTERNAL
CLOUD = "managed_cloud"


@dataclass
class _Memory:
    """What is known up to some moment. `agreed` holds up to which class a job's consents reach."""

    set_back: frozenset[str]
    asked: dict[str, Asked] = field(default_factory=dict)
    classes: dict[tuple[str, str], DataClass] = field(default_factory=dict)
    agreed: dict[tuple[str, str], DataClass] = field(default_factory=dict)
    ends: dict[str, datetime] = field(default_factory=dict)
    permitted: set[str] = field(default_factory=set)

    def class_of(self, asked: Asked) -> DataClass:
        """How sensitive the question is, with what was said about its job before."""
        said = self.classes.get(_about(asked)) if asked.job else None
        return highest(asked.true_class, said or asked.true_class)

    def hear(self, asked: Asked) -> None:
        """Somebody asks, and perhaps agrees."""
        self.asked[asked.mark] = asked
        if asked.consent == "job":
            reached = self.agreed.get(_about(asked), DataClass.PUBLIC)
            self.agreed[_about(asked)] = highest(self.class_of(asked), reached)

    def remember(self, told: Told) -> None:
        """The laptop has the question in mind. One that was set back may have it no more."""
        asked = self.asked[told.mark]
        if asked.job and told.device not in self.set_back:
            self.classes[_about(asked)] = self.class_of(asked)

    def forget(self, took_back: TookBack) -> None:
        """A consent is over. On a laptop that was set back it may stand again."""
        if took_back.device not in self.set_back:
            self.agreed.pop((took_back.device, took_back.job), None)

    def covered(self, asked: Asked, data_class: DataClass) -> bool:
        """Whether its author agreed to it."""
        reached = self.agreed.get(_about(asked), DataClass.PUBLIC)
        return asked.consent == "once" or reached.rank >= data_class.rank


def judge(evidence: Evidence) -> Iterator[Finding]:
    """Each body that left a laptop, and each that reached an engine, by what was known then."""
    memory = _Memory(evidence.set_back)
    for each in evidence.crossings:
        match each:
            case Asked():
                memory.hear(each)
            case Told():
                memory.remember(each)
            case TookBack():
                memory.forget(each)
            case Stated(device, expires_at):
                memory.ends[device] = max(expires_at, memory.ends.get(device, expires_at))
            case Left():
                yield from _left(memory, each)
            case Arrived():
                yield from _arrived(memory, each)


def _about(asked: Asked) -> tuple[str, str]:
    return asked.device, asked.job or asked.mark


def _left(memory: _Memory, left: Left) -> Iterator[Finding]:
    asked = memory.asked.get(mark_of(left.body) or "")
    if asked is None or asked.device != left.device:
        yield Finding(left.device, "sent a question that nobody asked there")
        return
    whys = list(_whys(memory, asked, left))
    for why in whys:
        yield Finding(asked.mark, f"left {left.device}, and {why}")
    if not whys:
        memory.permitted.add(asked.mark)


def _whys(memory: _Memory, asked: Asked, left: Left) -> Iterator[str]:
    body: Any = strict_json.parse(left.body)
    data_class = memory.class_of(asked)
    if data_class.rank > OPEN.rank and not memory.covered(asked, data_class):
        yield f"it is {data_class}, and nobody had agreed to that"
    if body["data_class"] is not None and DataClass(body["data_class"]).rank < data_class.rank:
        yield f"it said {body['data_class']}, and was {data_class}"
    if CLOUD in body["boundaries"]:
        yield "it might have gone to the managed cloud"
    ends = memory.ends.get(left.device)
    if ends is None or ends <= min(asked.at, left.at):  # it was decided between the two
        yield "what was known of the place had ended"


def _arrived(memory: _Memory, arrived: Arrived) -> Iterator[Finding]:
    mark = mark_of(arrived.body)
    if arrived.boundary == CLOUD:
        yield Finding(mark or CLOUD, "reached the managed cloud, which nobody had switched on")
    if mark not in memory.permitted:
        yield Finding(mark or "a body", f"reached {arrived.boundary}, and had not left a laptop by right")


CHECKER = Checker("nothing-crosses-unpermitted", judge)
