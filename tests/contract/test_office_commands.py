"""The office's command line, in this process: what people type, what they read, and how a mistake is told."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.envelope import TRANSFER_TYPE, seal
from sync_server.cli import main
from tests.builders import JOB
from tests.contract.test_proof import forge, links
from tests.contract.test_quarantine import cloned_work, dangerous
from tests.contract.test_sync import notes
from tests.served import Laptop, Server, id_in

Call = Callable[..., dict[str, Any]]
Say = Callable[..., str]


@pytest.fixture
def here(tmp_path: Path, database: str, server: Server) -> tuple[str, ...]:
    """Which server is meant."""
    return "--home", str(tmp_path / "server"), "--database", database


@pytest.fixture
def say(here: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> Say:
    """What a person reads; `code` is the exit code that the call must have."""

    def call(*words: str, code: int = 0) -> str:
        assert main([*words, *here]) == code
        out, err = capsys.readouterr()
        return out if code == 0 or out else err

    return call


@pytest.fixture
def told(here: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> Call:
    """What a program reads."""

    def call(*words: str, code: int = 0) -> dict[str, Any]:
        assert main([*words, *here, "--json"]) == code
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert answer["ok"] is (code == 0)
        return answer

    return call


async def test_a_laptop_is_revoked_reviewed_and_readmitted(laptop: Laptop, say: Say, told: Call) -> None:
    name = laptop.name
    assert "may now only upload" in say("device", "revoke", name, "--as", "root", "--reason", "lost")
    await laptop.refused(sent := laptop.say("note.added", JOB, text="kept"))
    assert "1 quarantined" in say("device", "list")
    (found,) = told("device", "list")["devices"]
    assert (found["state"], found["held"], found["received"]) == ("revoked", {"quarantined": 1}, 0)
    assert id_in(sent) in say("quarantine", "list", "--device", name)
    assert "Nothing waits for review" in say("quarantine", "list", "--device", "TB-99")
    shown = told("quarantine", "show", id_in(sent))
    assert (shown["summary"], shown["waiting"], shown["released_as"]) == ("work_order/WO-1: note “kept”", [], None)
    assert "Nothing waits on it" in say("quarantine", "show", id_in(sent))
    words = (id_in(sent), "--as", "m.reyes", "--reason", "asked them")
    assert "released by m.reyes as" in say("quarantine", "release", *words)
    assert "no longer in quarantine" in say("quarantine", "release", *words, code=1)
    assert "in epoch 2" in say("device", "readmit", name, "--as", "root", "--reason", "found")
    assert "readmitted, received through 0" in say("device", "show", name)
    assert notes(laptop.server) == ["kept"]


async def test_a_command_is_dismissed(server: Server, laptop: Laptop, told: Call, say: Say) -> None:
    sent = await cloned_work(laptop)
    refused = say("quarantine", "dismiss", id_in(sent), "--as", "b.lind", "--reason", "x", code=1)
    assert "This takes admin or resolver, and b.lind is technician" in str(refused)
    (found,) = told("quarantine", "dismiss", id_in(sent), "--as", "root", "--reason", "a copy")["commands"]
    assert (found["receipt"]["reason"], found["receipt"]["detail"]) == ("dismissed", "dismissed by root: a copy")


async def test_a_question_is_shown_and_answered(server: Server, laptop: Laptop, say: Say, told: Call) -> None:
    dangerous(server)
    await laptop.sync()
    await laptop.round(*(laptop.say("status.changed", JOB, to=to) for to in ("in_progress", "done")))
    await laptop.sync()
    assert "Nothing waits for an approval" in say("approval", "list")
    close = laptop.say("status.changed", JOB, to="closed")
    await laptop.round(close)
    shown = say("approval", "show", id_in(close))
    assert 'status of work_order/WO-1: "done" -> "closed"' in shown
    assert "asked by a.okafor" in shown
    assert "1 waiting on it" in shown
    assert "rejected" in say("approval", "approve", id_in(close), "--as", "root", code=1)
    done = told("approval", "approve", id_in(close), "--as", "s.vance", "--reason", "seen")
    assert done["command"]["receipt"]["outcome"] == "applied"
    assert told("approval", "list", "--all")["approvals"][0]["fields"]["decided_by"] == "s.vance"


async def test_a_conflict_is_shown_with_what_waits_on_it(server: Server, laptop: Laptop, say: Say) -> None:
    server.office.set_field("t", "m.reyes", JOB, "priority", "low")
    first = laptop.command("field.updated", JOB, advance=False, field="priority", value="urgent")
    sent = [laptop.seal(first)]
    later = laptop.command("note.added", JOB, advance=False, text="because it leaks")
    sent.append(laptop.seal(later.model_copy(update={"depends_on": (first.id,)})))
    await laptop.round(*sent)
    shown = say("conflict", "show", first.id)
    assert "'urgent' by a.okafor" in shown
    assert "1 waiting on it" in shown
    assert later.id in shown


async def test_a_stick_is_imported_and_answered(laptop: Laptop, tmp_path: Path, say: Say, told: Call) -> None:
    sent = laptop.body(laptop.say("note.added", JOB, text="by hand"))
    rounds = [seal(TRANSFER_TYPE, sent, laptop.device_key).to_wire().model_dump()]
    file, answer = tmp_path / "stick.json", tmp_path / "back.json"
    file.write_text(json.dumps({"tailboard": "outbox.v1", "rounds": rounds}), encoding="utf-8")
    done = told("outbox", "import", str(file), "--answer", str(answer))
    assert (done["settled"], done["refusals"], done["answer"]) == (1, [], str(answer))
    assert json.loads(answer.read_bytes())["tailboard"] == "answer.v1"
    assert "Carry" in say("outbox", "import", str(file))
    assert notes(laptop.server) == ["by hand"]
    file.write_bytes(file.read_bytes()[:-9])
    assert "damaged on the way" in say("outbox", "import", str(file), code=1)
    assert "Cannot read" in say("outbox", "import", str(tmp_path / "none"), code=2)


def test_the_audit_is_checked_against_what_was_remembered(
    server: Server, tmp_path: Path, say: Say, told: Call
) -> None:
    head = tmp_path / "head.json"
    assert "all sound" in say("verify-audit", "--remember", str(head))
    assert told("verify-audit", "--head", str(head))["links"] > 0
    forge(server, [body for *_, body in links(server)][:-1])
    assert "is broken at position" in say("verify-audit", "--head", str(head), code=1)
    head.write_text("[]")
    assert "is no signed head" in say("verify-audit", "--head", str(head), code=2)


def test_settings_keys_and_teams_are_said_and_changed(server: Server, say: Say, told: Call) -> None:
    done = told("tenant", "set-newest", "work_order.priority", "--as", "root")
    assert done["newest"] == ["work_order.priority"]
    assert "Asset is no field" in say("tenant", "set-newest", "asset", "--as", "root", code=1)
    assert "are a conflict" in say("tenant", "set-newest", "--as", "root")
    assert told("key", "rotate", "--as", "root", "--reason", "yearly")["receipt_key_id"]
    person = ("person", "add", "b.lind", "--name", "B. Lind", "--role", "technician")
    assert told(*person)["teams"] is None
    assert told(*person, "--team", "north", "--team", "south")["teams"] == ["north", "south"]
    assert "sees the work of north, south" in say("person", "list")
    assert told(*person)["teams"] == ["north", "south"], "who is changed keeps their teams"
    assert told(*person, "--all-teams")["teams"] is None
    assert told("sweep")["ok"]


async def test_an_approval_that_comes_too_late_changes_nothing_and_says_so(
    server: Server, laptop: Laptop, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.ports.SystemClock.now", lambda _: server.clock.now())
    dangerous(server)
    await laptop.sync()
    await laptop.round(*(laptop.say("status.changed", JOB, to=to) for to in ("in_progress", "done")))
    await laptop.sync()
    close = laptop.say("status.changed", JOB, to="closed")
    await laptop.round(close)
    server.clock.move(timedelta(days=91))
    said = say("approval", "approve", id_in(close), "--as", "s.vance", code=1)
    assert "expired" in said
    assert "changed nothing" in said


async def test_an_approval_that_is_asked_again_is_no_yes(server: Server, laptop: Laptop, say: Say) -> None:
    dangerous(server)
    await laptop.sync()
    await laptop.round(*(laptop.say("status.changed", JOB, to=to) for to in ("in_progress", "done")))
    await laptop.sync()
    close = laptop.say("status.changed", JOB, to="closed")
    await laptop.round(close)
    server.office.set_field("t", "m.reyes", JOB, "priority", "high")
    said = say("approval", "approve", id_in(close), "--as", "s.vance", code=1)
    assert "changed since this was asked, so it is asked again" in said
    assert "merged" in say("approval", "approve", id_in(close), "--as", "s.vance")


async def test_an_approval_that_nobody_gave_says_why_it_is_over(server: Server, laptop: Laptop, say: Say) -> None:
    dangerous(server)
    await laptop.sync()
    await laptop.round(*(laptop.say("status.changed", JOB, to=to) for to in ("in_progress", "done")))
    await laptop.sync()
    await laptop.round(laptop.say("status.changed", JOB, to="closed"))
    server.clock.move(timedelta(days=91))
    server.office.service.sweep()
    assert "expired: settled without an answer" in say("approval", "list", "--all")
