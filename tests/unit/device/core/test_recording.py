"""What a recording says of queue and link, and what it can never say."""

import json
from datetime import timedelta
from typing import Any

import pytest

from device.core.recording import (
    COMMANDS_MAX,
    EXCHANGES_MAX,
    LENGTH_S_MAX,
    Confirmed,
    Recording,
    UnusableRecording,
    read_recording,
    recorded,
)
from device.store import Issue, Item, State
from device.store.exchange import ANSWERED, TIMED_OUT, Exchange, reached_server, turned_away
from shared.commands.base import Command
from shared.envelope import COMMAND_TYPE, Envelope
from shared.outcomes import Standing
from shared.problems import Code
from tests.builders import JOB, NOW, OTHER_JOB, Person, World, record

COMMAND: dict[str, Any] = {
    "at_s": 0.0,
    "kind": "note.added",
    "bytes": 500,
    "record": 1,
    "needs": [],
    "outcome": "saved",
}
EXCHANGE: dict[str, Any] = {"at_s": 1.0, "took_s": 0.5, "up": 10, "down": 20, "what": "answered"}
GOOD: dict[str, Any] = {"format": "tailboard.trace", "version": 1, "commands": [COMMAND], "link": [EXCHANGE]}


def note(about: str = JOB) -> Command:
    return Person.at(World.of(record(JOB), record(OTHER_JOB)), "TB-1", "a.okafor").say(
        "note.added", about, text="words"
    )


def clocks(elapsed_s: float, *, boot: str = "one", wall_s: float | None = None) -> Issue:
    return Issue(boot, elapsed_s, NOW + timedelta(seconds=elapsed_s if wall_s is None else wall_s))


def met(began: Issue, what: str = ANSWERED) -> Exchange:
    return Exchange(began, 0.25, 100, 200, what)


def confirmed(said: Command, issue: Issue | None) -> Confirmed:
    envelope = Envelope(COMMAND_TYPE, said.to_bytes(), ())
    item = Item(1, said, envelope, "words", State.SAVED, None, None, None, Standing.SAVED)
    return Confirmed(item, issue)


def raw(**changed: Any) -> bytes:
    return json.dumps({**GOOD, **changed}).encode()


def test_times_count_from_the_first_thing_and_records_are_numbered() -> None:
    first, second = note(), note(OTHER_JOB)
    queue = [confirmed(first, clocks(100.0)), confirmed(second, clocks(130.5)), confirmed(first, clocks(140.0))]
    told = recorded(queue, [met(clocks(90.0)), met(clocks(131.0), TIMED_OUT)])
    assert [each.at_s for each in told.commands] == [10.0, 40.5, 50.0]
    assert [each.record for each in told.commands] == [1, 2, 1]
    assert [(each.at_s, each.what) for each in told.link] == [(0.0, ANSWERED), (41.0, TIMED_OUT)]
    assert told.commands[0].bytes == len(queue[0].item.envelope.payload)
    assert told.length_s == 50.0


def test_a_clock_that_was_set_moves_nothing_within_one_boot() -> None:
    told = recorded([], [met(clocks(10.0)), met(clocks(20.0, wall_s=-7200.0)), met(clocks(30.0, wall_s=90_000.0))])
    assert [each.at_s for each in told.link] == [0.0, 10.0, 20.0]


def test_from_boot_to_boot_the_clock_that_people_read_counts_but_never_backwards() -> None:
    later, earlier = clocks(5.0, boot="two", wall_s=3600.0), clocks(7.0, boot="three", wall_s=-3600.0)
    told = recorded([], [met(clocks(10.0)), met(later), met(earlier)])
    assert [each.at_s for each in told.link] == [0.0, 3590.0, 3590.0]


def test_a_clock_that_is_years_off_makes_no_recording_of_years() -> None:
    far = clocks(5.0, boot="two", wall_s=10 * 365 * 86_400.0)
    assert recorded([], [met(clocks(10.0)), met(far)]).link[1].at_s == LENGTH_S_MAX


def test_what_rests_on_what_is_told_by_number() -> None:
    first = note()
    resting = note().model_copy(update={"depends_on": (first.id,)})
    told = recorded([confirmed(first, None), confirmed(resting, None)], [])
    assert [each.needs for each in told.commands] == [(), (1,)]


def test_the_newest_are_told_if_there_is_more() -> None:
    said = confirmed(note(), clocks(0.0))
    link = [met(clocks(float(n))) for n in range(EXCHANGES_MAX + 3)]
    told = recorded([said] * (COMMANDS_MAX + 2), link)
    assert (len(told.commands), len(told.link)) == (COMMANDS_MAX, EXCHANGES_MAX)
    assert told.link[-1].at_s == EXCHANGES_MAX + 2


def test_nothing_at_all_is_a_recording_too() -> None:
    assert recorded([], []).length_s == 0.0


def test_what_was_written_is_read() -> None:
    told = recorded([confirmed(note(JOB), None)], [met(clocks(1.0))])
    assert read_recording(told.to_bytes()) == told
    assert read_recording(told.model_dump_json(indent=1).encode()) == told


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no trace of a laptop"),
        (b"\xff\x00", "no trace of a laptop"),
        (b"[]", "no trace of a laptop"),
        (b'{"schema": "tailboard.run.v1"}', "no trace of a laptop"),
        (raw(version=2), "a trace of version 2; this program reads version 1"),
        (raw(version=True), "version without a number"),
        (raw(version=None), "version without a number"),
        (raw(said="hello"), "damaged trace"),
        (raw(commands=[COMMAND | {"sentence": "hello"}]), "damaged trace"),
        (raw(commands=[COMMAND | {"kind": "gate.code"}]), "is no kind of command"),
        (raw(commands=[COMMAND | {"outcome": "nice"}]), "is no outcome"),
        (raw(commands=[COMMAND | {"needs": [1]}]), "rests on a later one"),
        (raw(commands=[COMMAND | {"at_s": -1.0}]), "damaged trace"),
        (raw(link=[EXCHANGE | {"what": "https://sync.example"}]), "damaged trace"),
        (raw(link=[EXCHANGE | {"took_s": 1e300}]), "damaged trace"),
    ],
)
def test_what_is_no_recording_is_refused_in_a_sentence(content: bytes, words: str) -> None:
    assert isinstance(read_recording(raw()), Recording)
    with pytest.raises(UnusableRecording, match=words) as refused:
        read_recording(content)
    assert "\n" not in str(refused.value)


def test_who_answers_in_the_servers_form_is_the_server() -> None:
    assert reached_server(ANSWERED)
    assert reached_server(turned_away(Code.BUSY))
    assert not reached_server(TIMED_OUT)
