"""Conflicts at the office, on a real server: in parts, with questions, and taken back; and what waits for them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

import shared.commands
from shared.commands import CATALOGUE
from shared.commands.base import FIELD_AND_STAFF, Command, Edit, Effect, Kind, Payload
from shared.outcomes import EFFECTIVE, Outcome
from shared.problems import Refused
from shared.records import Choice, Conflict
from sync_server.cli import main
from sync_server.commands import conflict_lines
from sync_server.office import Pick
from sync_server.office.commands import _moved_on
from tests.builders import JOB, OTHER_JOB
from tests.served import TENANT, Laptop, Server, receipt

PRIORITY, ACCESS = (JOB, "priority"), (OTHER_JOB, "access")


class JobBriefed(Payload):
    """Two fields of two jobs at once that have nothing to do with each other."""

    kind = Kind("job.briefed", 1, "work_order", "Brief", FIELD_AND_STAFF)

    priority: str
    access: str

    def effects(self, command: Command) -> tuple[Effect, ...]:
        return Edit(command.record, "priority", self.priority), Edit(OTHER_JOB, "access", self.access)

    def summary(self, label: str) -> str:
        return label


@pytest.fixture(autouse=True)
def briefed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared.commands, "CATALOGUE", {**CATALOGUE, "job.briefed": JobBriefed})


async def clashing(server: Server, laptop: Laptop) -> tuple[str, Command, Command]:
    """A conflict about two fields, and two commands that each rest on one side of it, which wait."""
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
    server.office.set_field(TENANT, "m.reyes", OTHER_JOB, "access", "front")
    first = laptop.command("job.briefed", JOB, advance=False, priority="urgent", access="back")
    sent = [laptop.seal(first)]
    rest = []
    for (ref, name), seen, value in ((PRIORITY, "urgent", "high"), (ACCESS, "back", "roof")):
        later = laptop.command("field.updated", ref, advance=False, field=name, value=value)
        base = later.bases[0].model_copy(update={"command": first.id, "value": seen})
        rest.append(later.model_copy(update={"bases": (base,)}))
        sent.append(laptop.seal(rest[-1]))
    reply = await laptop.round(*sent)
    assert receipt(reply.answers[0]).outcome is Outcome.CONFLICT
    assert [answer.status for answer in reply.answers[1:]] == ["held", "held"]
    return first.id, rest[0], rest[1]


def conflict(server: Server) -> Conflict:
    """The first one; commands that rest on what a person decided against have conflicts of their own."""
    found = server.records("conflict")
    return Conflict.model_validate(found[min(found)].fields)


def job(server: Server) -> dict[str, Any]:
    """Both jobs: the access of the one, the priority of the other."""
    jobs = server.records()
    return {"priority": jobs[JOB].fields["priority"], "access": jobs[OTHER_JOB].fields["access"]}


async def test_what_rests_on_a_conflict_waits_until_all_of_it_is_settled(server: Server, laptop: Laptop) -> None:
    ref, on_priority, on_access = await clashing(server, laptop)
    keep = Pick(Choice.KEEP_MINE)
    server.office.settle(TENANT, "m.reyes", ref, {PRIORITY: keep}, "seen")
    assert (job(server)["priority"], conflict(server).status) == ("urgent", "open")
    ids = (on_priority.id, on_access.id)
    assert [answer.status for answer in (await laptop.round(in_doubt=ids)).answers] == ["held", "held"]
    server.office.settle(TENANT, "m.reyes", ref, {ACCESS: keep}, "seen")
    answers = (await laptop.round(in_doubt=ids)).answers
    assert {receipt(answer).outcome for answer in answers} <= EFFECTIVE
    assert (job(server)["priority"], job(server)["access"]) == ("high", "roof")


async def test_several_clashes_are_settled_each_its_own_way_at_once(server: Server, laptop: Laptop) -> None:
    ref, *_ = await clashing(server, laptop)
    picks = {PRIORITY: Pick(Choice.TAKE_THEIRS), ACCESS: Pick(Choice.EDIT, "side gate")}
    told = server.office.settle(TENANT, "m.reyes", ref, picks, "seen on site")
    assert told.outcome is Outcome.APPLIED
    assert (job(server)["priority"], job(server)["access"]) == ("low", "side gate")
    assert conflict(server).status == "resolved"


async def test_a_later_change_makes_a_decision_about_it_stale_and_about_another_field_not(
    server: Server, laptop: Laptop
) -> None:
    ref, *_ = await clashing(server, laptop)
    server.office.set_field(TENANT, "root", JOB, "priority", "normal")
    keep = Pick(Choice.KEEP_MINE)
    assert server.office.settle(TENANT, "m.reyes", ref, {PRIORITY: keep}, "").outcome is Outcome.REJECTED
    assert server.office.settle(TENANT, "m.reyes", ref, {ACCESS: keep}, "").outcome is Outcome.APPLIED
    assert (job(server)["priority"], job(server)["access"]) == ("normal", "back")


async def test_asking_leaves_it_open_and_the_technician_answers(server: Server, laptop: Laptop) -> None:
    ref, *_ = await clashing(server, laptop)
    server.office.resolve(TENANT, "m.reyes", ref, Choice.ASK, "which gate?")
    (asked,) = conflict(server).questions
    await laptop.round()
    reply = await laptop.round(laptop.say("question.answered", f"conflict/{ref}", question=asked.id, text="back"))
    assert receipt(reply.answers[0]).outcome is Outcome.APPLIED
    assert (conflict(server).status, conflict(server).answers[0].text) == ("open", "back")


async def test_a_decision_is_undone_and_made_again(server: Server, laptop: Laptop) -> None:
    server.office.set_field(TENANT, "m.reyes", OTHER_JOB, "access", "front")
    await laptop.round(laptop.say("field.updated", OTHER_JOB, field="access", value="back"))
    ref = conflict(server).command
    server.office.resolve(TENANT, "m.reyes", ref, Choice.KEEP_MINE, "seen")
    assert job(server)["access"] == "back"
    assert server.office.undo(TENANT, "m.reyes", ref, "mixed up").outcome is Outcome.APPLIED
    assert (job(server)["access"], conflict(server).status) == ("front", "open")
    assert server.office.resolve(TENANT, "m.reyes", ref, Choice.KEEP_MINE, "after all").outcome is Outcome.APPLIED
    assert (job(server)["access"], conflict(server).status) == ("back", "resolved")


async def test_an_undone_decision_does_not_cover_a_change_after_it(server: Server, laptop: Laptop) -> None:
    ref, *_ = await clashing(server, laptop)
    server.office.settle(TENANT, "m.reyes", ref, {ACCESS: Pick(Choice.KEEP_MINE)}, "seen")
    server.office.undo(TENANT, "m.reyes", ref, "mixed up")
    server.office.set_field(TENANT, "root", OTHER_JOB, "access", "roof")
    told = server.office.settle(TENANT, "m.reyes", ref, {ACCESS: Pick(Choice.KEEP_MINE)}, "seen")
    assert told.outcome is Outcome.REJECTED
    assert job(server)["access"] == "roof"


async def test_what_was_built_on_a_decision_keeps_it_from_being_undone(server: Server, laptop: Laptop) -> None:
    ref, *_ = await clashing(server, laptop)
    server.office.resolve(TENANT, "m.reyes", ref, Choice.KEEP_MINE, "seen")
    with pytest.raises(Refused, match="changed since it was settled"):
        server.office.undo(TENANT, "m.reyes", ref, "mixed up")
    assert job(server)["access"] == "roof"


async def test_nothing_is_undone_where_nothing_is_settled(server: Server, laptop: Laptop) -> None:
    ref, *_ = await clashing(server, laptop)
    with pytest.raises(Refused, match="Nothing of that is settled"):
        server.office.undo(TENANT, "m.reyes", ref, "")
    with pytest.raises(Refused, match="Nothing of that waits"):
        server.office.settle(TENANT, "m.reyes", ref, {(JOB, "title"): Pick(Choice.KEEP_MINE)}, "")


# -- on the command line

Say = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def say(server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    monkeypatch.setattr("sync_server.asked_of.build_office", lambda *_, **__: server.office)

    def said(*words: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = main([*words, "--json"])
        text = capsys.readouterr()
        return code, json.loads(text.out or text.err)

    return said


async def test_the_command_line_settles_asks_and_undoes(server: Server, laptop: Laptop, say: Say) -> None:
    ref, *_ = await clashing(server, laptop)
    by = ("--as", "m.reyes")
    assert say("conflict", "ask", ref, "which gate?", "--field", "access", *by)[0] == 0
    assert conflict(server).questions[0].about is not None
    assert say("conflict", "resolve", ref, "--edit", "access=side gate", *by)[0] == 0
    assert (job(server)["access"], conflict(server).status) == ("side gate", "open")
    assert say("conflict", "undo", ref, "--field", "WO-2:access", "--reason", "mixed up", *by)[0] == 0
    assert job(server)["access"] == "front"
    shown = conflict_lines(server.office.matter(TENANT, "conflict", ref).record)
    assert "      taken back 'side gate' by m.reyes: mixed up" in shown
    assert say("conflict", "resolve", ref, "--mine", "access", "--theirs", "priority", *by)[0] == 0
    assert (job(server)["access"], job(server)["priority"], conflict(server).status) == (
        "roof",  # which was built on the kept one
        "low",
        "resolved",
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--mine", "title"), 2),
        (("--mine", "access", "--theirs", "access"), 2),
        (("--keep", "mine", "--theirs", "access"), 2),
        (("--value", "x"), 2),
        ((), 2),
        (("--keep", "edit", "--value", "x"), 1),
        (("--edit", "priority=shouting"), 1),
    ],
)
async def test_a_decision_that_is_not_one_is_a_sentence(
    server: Server, laptop: Laptop, say: Say, words: tuple[str, ...], code: int
) -> None:
    ref, *_ = await clashing(server, laptop)
    assert say("conflict", "resolve", ref, *words, "--as", "m.reyes")[0] == code
    assert conflict(server).status == "open"


async def test_who_looked_at_the_record_since_decides_over_what_stands_now(
    server: Server, laptop: Laptop, say: Say
) -> None:
    ref, *_ = await clashing(server, laptop)
    server.office.set_field(TENANT, "m.reyes", OTHER_JOB, "access", "cellar")
    decision = ("conflict", "resolve", ref, "--mine", "access", "--as", "m.reyes")
    assert say(*decision)[0] == 1
    assert job(server)["access"] == "cellar"
    shown = "\n".join(_moved_on(server.office, TENANT, server.office.conflict(TENANT, ref)[0]))
    version = server.records()[OTHER_JOB].version
    assert f'now "cellar" by m.reyes; decide with --seen {OTHER_JOB}={version}' in shown
    assert say(*decision, "--seen", "yesterday")[0] == 2
    assert say(*decision, "--seen", f"{OTHER_JOB}={version}")[0] == 0
    assert job(server)["access"] != "cellar"
