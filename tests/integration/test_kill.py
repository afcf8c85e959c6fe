"""kill −9 of either side, or of both, at named points: nothing called saved is lost, and nothing happens twice.

The campaign itself is `tailboard-sim kill`; here every point has its turn once, and the campaign has to find the
faults that are planted for it.
"""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simulators.cli import main
from simulators.evidence import DeviceFile, ServerFile
from simulators.kill import campaign, verdict
from simulators.kill.campaign import Order, Result, acts_of, play, points_of
from simulators.kill.nursery import ChildFailed, Nursery
from simulators.kill.points import BY_NAME, POINTS
from simulators.kill.table import as_data, as_lines, ok
from simulators.kill.verdict import Harm
from simulators.postgresql import find_programs, postgresql
from tests.integration import planted


def silent(_: str) -> None:
    """Progress is nobody's business here."""


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Where all children come from."""
    with Nursery(tmp_path_factory.mktemp("nursery") / "children.log") as made:
        yield made


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, nursery: Nursery) -> Result:
    """Every point once, on SQLite."""
    return play(tmp_path_factory.mktemp("kill"), Order(POINTS, rounds=len(POINTS), seed=3), silent, nursery)


def test_every_point_kills_and_nothing_is_lost_or_doubled(once: Result) -> None:
    assert once.findings == []
    assert ok(once)
    assert {tally.point.name: tally.rounds for tally in once.tallies} == dict.fromkeys(BY_NAME, 1)
    assert once.saved > 4 * len(POINTS)
    assert {each.kind for each in once.evidence[0].values()} == {
        "note.added",
        "reading.recorded",
        "part.consumed",
        "field.updated",
        "status.changed",
    }


PLANTED = [
    ("server", planted.no_dedupe, "server-after-commit", Harm.DOUBLED),
    ("server", planted.records_apart, "server-between-writes", Harm.DOUBLED),
    ("server", planted.records_forgotten, "server-after-commit", Harm.LOST),
    ("device", planted.say_too_early, "device-after-taking", Harm.LOST),
    ("device", planted.mark_nothing, "device-after-reply", Harm.BROKEN),
]


@pytest.mark.parametrize(("side", "fault", "point", "harm"), PLANTED, ids=[each[1].__name__ for each in PLANTED])
def test_a_planted_fault_is_found(
    tmp_path: Path, nursery: Nursery, side: str, fault: Callable[[], None], point: str, harm: Harm
) -> None:
    order = Order((BY_NAME[point],), rounds=1, plants={side: f"{planted.HERE}{fault.__name__}"})
    result = play(tmp_path, order, silent, nursery)
    assert getattr(result.tallies[0], harm) > 0, result.findings
    assert not ok(result)
    assert as_data(result)["table"][-1][harm] > 0
    assert result.findings[0] in as_lines(result)


def test_a_point_that_nobody_reaches_is_no_success(tmp_path: Path, nursery: Nursery) -> None:
    point = replace(BY_NAME["device-after-reply"], side="server")  # the server never gets there
    with pytest.raises(ChildFailed, match="was not reached"):
        play(tmp_path, Order((point,), rounds=1), silent, nursery)


# -- the judge, on what the campaign left behind


def note_of(server: ServerFile) -> tuple[str, list[Any]]:
    """A job with notes on it, and its notes."""
    return next((ref, body["fields"]["notes"]) for ref, body in server.records.items() if body["fields"].get("notes"))


def lose_a_note(server: ServerFile) -> ServerFile:
    note_of(server)[1].pop()
    return server


def double_a_note(server: ServerFile) -> ServerFile:
    notes = note_of(server)[1]
    notes.append(notes[0])
    return server


def change_a_word(server: ServerFile) -> ServerFile:
    note_of(server)[1][0]["text"] += "!"
    return server


def take_twice(server: ServerFile) -> ServerFile:
    next(body for ref, body in server.records.items() if ref.startswith("stock_item/"))["fields"]["on_hand"] -= 1
    return server


def change_once_more(server: ServerFile) -> ServerFile:
    server.records[note_of(server)[0]]["version"] += 1  # type: ignore[index]
    return server


def forget_a_field(server: ServerFile) -> ServerFile:
    body = next(body for body in server.records.values() if body["fields"].get("access"))
    body["fields"]["access"] = ""
    return server


def forget_a_command(server: ServerFile) -> ServerFile:
    return replace(server, ledger=dict(list(server.ledger.items())[1:]))


def unsettle(server: ServerFile) -> ServerFile:
    return replace(server, ledger={**server.ledger, next(iter(server.ledger)): None})


def add_a_stranger(server: ServerFile) -> ServerFile:
    return replace(server, ledger={**server.ledger, "stranger": None})


def rewrite_the_audit(server: ServerFile) -> ServerFile:
    changed = replace(server.audit[3], body=server.audit[3].body.replace("2", "3"))
    return replace(server, audit=(*server.audit[:3], changed, *server.audit[4:]))


def cut_the_audit(server: ServerFile) -> ServerFile:
    return replace(server, audit=server.audit[:-1])


def settle_twice(server: ServerFile) -> ServerFile:
    outcome = next(link for link in server.audit if '"outcome"' in link.body and '"office"' not in link.body)
    return replace(server, audit=(*server.audit, outcome))


@pytest.mark.parametrize(
    ("spoil", "harm"),
    [
        (lose_a_note, Harm.LOST),
        (double_a_note, Harm.DOUBLED),
        (change_a_word, Harm.LOST),
        (take_twice, Harm.DOUBLED),
        (change_once_more, Harm.DOUBLED),
        (forget_a_field, Harm.LOST),
        (forget_a_command, Harm.LOST),
        (unsettle, Harm.LOST),
        (add_a_stranger, Harm.BROKEN),
        (rewrite_the_audit, Harm.BROKEN),
        (cut_the_audit, Harm.BROKEN),
        (settle_twice, Harm.DOUBLED),
    ],
)
def test_the_judge_sees_what_is_wrong_on_the_server(
    once: Result, spoil: Callable[[ServerFile], ServerFile], harm: Harm
) -> None:
    said, start, server, device = once.evidence
    assert harm in {each.harm for each in verdict.after_all(said, start, spoil(deepcopy(server)), device)}


def drop(device: DeviceFile) -> DeviceFile:
    return replace(device, outbox=device.outbox[1:])


def add(device: DeviceFile) -> DeviceFile:
    return replace(device, outbox=(*device.outbox, replace(device.outbox[0], id="stranger")))


def swap(device: DeviceFile) -> DeviceFile:
    return replace(device, outbox=(device.outbox[1], device.outbox[0], *device.outbox[2:]))


def first(**changes: Any) -> Callable[[DeviceFile], DeviceFile]:
    return lambda device: replace(device, outbox=(replace(device.outbox[0], **changes), *device.outbox[1:]))


def forge(device: DeviceFile) -> DeviceFile:
    return first(proof=device.outbox[-1].proof)(device)


def age(device: DeviceFile) -> DeviceFile:
    ref = next(iter(device.replica))
    return replace(device, replica={**device.replica, ref: {}})


@pytest.mark.parametrize(
    ("spoil", "harm"),
    [
        (drop, Harm.LOST),
        (add, Harm.BROKEN),
        (swap, Harm.BROKEN),
        (first(state="saved"), Harm.BROKEN),
        (first(state="held"), Harm.LOST),
        (forge, Harm.BROKEN),
        (first(receipt='{"change_seq": 0}'), Harm.BROKEN),
        (lambda device: replace(device, reached=1), Harm.BROKEN),
        (age, Harm.BROKEN),
    ],
    ids=["drop", "add", "swap", "unmark", "hold", "forge", "other receipt", "half a round", "age"],
)
def test_the_judge_sees_what_is_wrong_on_the_laptop(
    once: Result, spoil: Callable[[DeviceFile], DeviceFile], harm: Harm
) -> None:
    said, start, server, device = once.evidence
    assert harm in {each.harm for each in verdict.after_all(said, start, server, spoil(device))}


# -- the plan


def test_the_seed_chooses_and_every_point_comes_before_any_comes_again() -> None:
    order = Order(POINTS, rounds=40, seed=5)
    points = [point.name for point in points_of(order)]
    assert points == [point.name for point in points_of(order)]
    assert points != [point.name for point in points_of(replace(order, seed=6))]
    assert set(points[: len(POINTS)]) == set(points[len(POINTS) : 2 * len(POINTS)]) == set(BY_NAME)
    assert acts_of(order, 7) == acts_of(order, 7) != acts_of(replace(order, seed=6), 7)


@pytest.mark.parametrize("harmed", [False, True])
def test_the_verb_says_what_was_found(
    once: Result, harmed: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tallies = [replace(once.tallies[0], lost=int(harmed)), *once.tallies[1:]]
    monkeypatch.setattr(campaign, "play", lambda *_: replace(once, tallies=tallies))
    assert main(["kill", "--json", "--rounds", "16"]) == int(harmed)
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["database"], told["saved"]) == ("tailboard.kill.v1", "sqlite", once.saved)
    assert (told["table"][-1]["rounds"], told["table"][-1]["lost"]) == (len(POINTS), int(harmed))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--point", "somewhere"], "There is no point somewhere"),
        (["--rounds", "0"], "at least 1"),
        (["--seed", "-1"], "A seed is a number from 0 up"),
    ],
)
def test_a_mistake_is_a_sentence(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kill", *words]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.requires("postgresql")
def test_postgresql_keeps_its_word_too(tmp_path: Path, nursery: Nursery) -> None:
    programs = find_programs()
    assert programs
    names = ("server-between-writes", "both-after-commit")
    with postgresql(programs) as url:
        order = Order([BY_NAME[name] for name in names], rounds=len(names), database=url)
        assert play(tmp_path, order, silent, nursery).findings == []
