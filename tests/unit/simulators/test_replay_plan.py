"""From a recording to a world."""

from itertools import pairwise
from typing import Any

import pytest

from device.core.recording import LENGTH_S_MAX, RecordedCommand, RecordedExchange, Recording
from simulators.faults import CALM, LOSSY
from simulators.replay.plan import LAPTOP, LATENCY_S_MAX, LEAD_S, PIECES, SILENCE_S, Link, link_of, plan
from simulators.workload import GUARDED, JOBS_MAX
from simulators.world.options import Act, Event


def said(at_s: float = 0.0, kind: str = "note.added", **told: Any) -> RecordedCommand:
    return RecordedCommand.model_validate(
        {"at_s": at_s, "kind": kind, "bytes": 700, "record": 1, "outcome": "applied"} | told
    )


def met(at_s: float, what: str = "answered", took_s: float = 1.0) -> RecordedExchange:
    return RecordedExchange(at_s=at_s, took_s=took_s, up=1, down=1, what=what)


def of(*told: RecordedCommand | RecordedExchange) -> Recording:
    commands = tuple(each for each in told if isinstance(each, RecordedCommand))
    return Recording(commands=commands, link=tuple(each for each in told if isinstance(each, RecordedExchange)))


def spells(recording: Recording) -> list[Event]:
    return [each for each in plan(recording, CALM).options.events if each.act is Act.LINK]


@pytest.mark.parametrize(
    ("what", "took_s", "link"),
    [
        ("answered", 3.0, Link("up", 1.5)),
        ("turned_away:busy", 0.1, Link("up", 0.05)),
        ("answered", 300.0, Link("up", LATENCY_S_MAX)),
        ("unreachable", 0.1, Link("partition")),
        ("timed_out", 20.0, Link("one_way_up")),
        ("broken", 2.0, Link("one_way_up")),
        ("something_else", 0.3, Link("portal")),
    ],
)
def test_the_link_is_as_it_must_have_been(what: str, took_s: float, link: Link) -> None:
    assert link_of(met(0.0, what, took_s)) == link


def test_between_two_exchanges_the_link_is_as_at_the_nearer_one() -> None:
    told = spells(of(met(0.0), met(101.0, "unreachable", 0.0), met(201.0, "unreachable", 0.0), met(301.0)))
    assert [(each.link, each.at_s) for each in told] == [
        ("up", 0.0),
        ("partition", LEAD_S + 51.0),
        ("up", LEAD_S + 251.0),
    ]
    assert all(after.at_s == each.at_s + each.for_s for each, after in pairwise(told))
    assert told[-1].at_s + told[-1].for_s == LEAD_S + 302.0
    assert {each.who for each in told} == {LAPTOP}


def test_exchanges_that_overlap_make_no_spell_of_negative_length() -> None:
    told = spells(of(met(0.0, took_s=30.0), met(10.0, "unreachable", 0.0), met(10.0)))
    assert all(each.for_s >= 0.0 for each in told)


def test_who_confirms_and_asks_nobody_works_offline() -> None:
    gap_s = SILENCE_S + 100.0
    told = plan(of(met(0.0), said(50.0), met(gap_s), met(3 * gap_s)), CALM).options.events
    assert [each for each in told if each.act is Act.OFFLINE] == [
        Event(LEAD_S + 1.0, Act.OFFLINE, gap_s - 1.0, LAPTOP)
    ]


def test_commands_keep_time_kind_order_and_record() -> None:
    planned = plan(of(said(1.0), said(2.5, "finding.added", record=2), said(9.0)), LOSSY)
    part = planned.options.part
    assert part is not None
    assert [(each.at_s - LEAD_S, each.kind, each.record) for each in part] == [
        (1.0, "note.added", "work_order/WO-1"),
        (2.5, "finding.added", "work_order/WO-2"),
        (9.0, "note.added", "work_order/WO-1"),
    ]
    assert planned.options.profile is LOSSY
    assert planned.options.length_s == LEAD_S + 9.0
    assert planned.as_notes == {}


def test_what_cannot_be_said_there_is_a_note_of_the_same_size_and_counted() -> None:
    planned = plan(of(said(kind="attachment.added"), said(kind="unknown"), said()), CALM)
    part = planned.options.part
    assert part is not None
    assert {each.kind for each in part} == {"note.added"}
    assert len({len(each.payload["text"]) for each in part}) == 1
    assert planned.as_notes == {"attachment.added": 1, "unknown": 1}


def test_no_more_parts_are_taken_than_there_are() -> None:
    planned = plan(of(*[said(float(n), "part.consumed") for n in range(PIECES + 3)]), CALM)
    assert planned.as_notes == {"part.consumed": 3}


def test_a_record_that_is_created_is_a_new_one_and_no_job_is_a_guarded_one() -> None:
    made = [said(kind="work_order.created", record=9), said(record=9), said(kind="work_order.created", record=9)]
    planned = plan(of(*made, *[said(record=n) for n in range(1, JOBS_MAX + 5)]), CALM)
    part = planned.options.part
    assert part is not None
    assert [each.kind for each in part[:3]] == ["work_order.created", "note.added", "note.added"]
    assert len({each.record for each in part[:3]}) == 1
    assert not {each.record for each in part} & {f"work_order/WO-{n}" for n in GUARDED}
    assert planned.options.habits.jobs == JOBS_MAX


def test_a_longer_text_says_the_same_and_the_same_recording_is_the_same_world() -> None:
    recording = of(said(bytes=600), said(bytes=3000), said(bytes=10**6), met(5.0))
    part = plan(recording, CALM).options.part
    assert part is not None
    sizes = [len(each.payload["text"]) for each in part]
    assert sizes[1] - sizes[0] == 2400
    assert sizes[2] == 4000
    assert plan(recording, CALM) == plan(recording, CALM)


def test_an_empty_recording_and_a_very_long_one_are_worlds() -> None:
    assert plan(of(), CALM).options.part == ()
    habits = plan(of(said(LENGTH_S_MAX)), CALM).options.habits
    assert habits.rounds_s[1] <= 3600.0
    assert habits.seldom_s <= 3600.0
