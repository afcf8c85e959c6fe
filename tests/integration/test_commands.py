"""The administrator's and the technician's command lines, as their users call them, against a real server process."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.commands.base import Role
from simulators import processes

GOOD = "id,name,part_no,on_hand\nSEAL-1,Seal,S-1,5\nSEAL-2,Big seal,S-2,\n"
BAD = (
    "id,name,part_no,on_hand\nSEAL-1,Seal,S-1,-5\n,No id,S-2,1\nSEAL-3,,S-3,1\nSEAL-4,Seal,S-4,1\nSEAL-4,Seal,S-4,1\n"
)


def call(program: str, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", f"{program}.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("office")
    processes.administer(made, "init", "--tenant", "t", "--name", "T")
    processes.administer(made, "sample", "load")
    return made


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    with processes.server(home) as running:
        yield running


@pytest.fixture(scope="module")
def laptop(home: Path, url: str, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The words that every call of the technician's program ends with, on an enrolled laptop."""
    folder = tmp_path_factory.mktemp("laptop")
    pin = folder / "pin"
    pin.write_text("2468\n")
    where = ["--home", str(folder / "home"), "--pin-file", str(pin), "--json"]
    code = processes.administer(home, "enrol-code", "a.okafor")["code"]
    done = call("device", "enrol", url, code, *where)
    assert done.returncode == 0, done.stderr
    return where


def told(laptop: list[str], *words: str, code: int = 0) -> dict[str, Any]:
    done = call("device", *words, *laptop)
    assert done.returncode == code, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["schema"].startswith("tailboard.")
    assert answer["ok"] is (code == 0)
    return answer


def test_a_second_sample_load_changes_nothing(home: Path) -> None:
    again = processes.administer(home, "sample", "load")
    assert {kind: (again[kind]["new"], again[kind]["kept"]) for kind in ("asset", "stock_item", "work_order")} == {
        "asset": (0, 0),
        "stock_item": (0, 0),
        "work_order": (0, 0),
    }


def test_the_sample_has_somebody_for_every_role(home: Path) -> None:
    """Without an approver, closing safety-critical work waited for a person who was not there."""
    people = processes.administer(home, "person", "list")["people"]
    assert {role for person in people for role in person["roles"]} == {each.value for each in Role} - {Role.SERVICE}


def test_a_sample_load_keeps_what_people_did(home: Path) -> None:
    set_title = ["record", "set", "WO-1042", "title", "By a person", "--as", "m.reyes"]
    assert processes.administer(home, *set_title)["receipt"]["outcome"] == "applied"
    processes.administer(home, "person", "add", "b.lind", "--name", "B. Lind-Moe", "--role", "technician")
    again = processes.administer(home, "sample", "load")
    assert (again["work_order"]["new"], again["work_order"]["kept"]) == (0, 1)
    assert processes.administer(home, "record", "show", "WO-1042")["record"]["fields"]["title"] == "By a person"
    names = {person["id"]: person["name"] for person in processes.administer(home, "person", "list")["people"]}
    assert names["b.lind"] == "B. Lind-Moe"


def test_an_import_is_planned_then_applied_then_changes_nothing(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "stock.csv"
    file.write_text(GOOD)
    words = ["import", "stock_item", str(file), "--as", "m.reyes"]
    plan = processes.administer(home, *words)
    assert (plan["applied"], plan["new"]) == (False, 2)
    assert processes.administer(home, *words, "--apply")["applied"] is True
    again = processes.administer(home, *words, "--apply")
    assert (again["new"], again["changed"], again["same"]) == (0, 0, 2)


def test_an_import_names_every_bad_row_and_does_nothing(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "stock.csv"
    file.write_text(BAD)
    done = call(
        "sync_server", "import", "stock_item", str(file), "--as", "m.reyes", "--apply", "--home", str(home), "--json"
    )
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert [row["line"] for row in answer["bad"]] == [2, 3, 4, 6]
    assert answer["applied"] is False
    records = processes.administer(home, "record", "list", "stock_item")["records"]
    assert not any(record["ref"] == "stock_item/SEAL-4" for record in records)


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["import", "nothing", "/dev/null", "--as", "m.reyes"], 1, "importable"),
        (["import", "asset", "/no/such", "--as", "m.reyes"], 2, "Cannot read"),
        (["enrol-code", "nobody"], 1, "no person nobody"),
        (["record", "show", "work_order/NONE"], 1, "no work_order/NONE"),
        (["record", "set", "work_order/WO-1042", "priority", "shouting", "--as", "m.reyes"], 1, "cannot hold"),
        (["conflict", "resolve", "x", "--keep", "edit", "--as", "m.reyes"], 2, "--value"),
        (["no-such-verb"], 2, "invalid choice"),
        (["person", "list", "--database", "nonsense"], 1, "no database URL"),
        (["person", "list", "--database", "nosuch://u:secret@h/d"], 1, "no database URL"),
        (["record", "set", "WO-1042", "priority", "shouting", "--as", "m.reyes"], 1, "cannot hold"),
        (["record", "set", "work_order/WO-1042", "foo", "bar", "--as", "m.reyes"], 1, "no field foo"),
        (["record", "set", "work_order/WO-1042", "title", "x" * 1001, "--as", "m.reyes"], 1, "cannot hold"),
        (["record", "set", "work_order/WO-1042", "due_on", "[" * 5000, "--as", "m.reyes"], 1, "cannot hold"),
        (["conflict", "resolve", "work_order/WO-1042", "--keep", "mine", "--as", "m.reyes"], 1, "not a conflict"),
        (["init", "--tenant", "harrow valley", "--name", "H"], 1, "short name of a tenant"),
        (["person", "add", "M Reyes", "--name", "M", "--role", "admin"], 1, "short name of a person"),
    ],
)
def test_a_mistake_at_the_office_is_a_sentence(home: Path, words: list[str], code: int, sentence: str) -> None:
    done = call("sync_server", *words, "--home", str(home))
    assert done.returncode == code
    assert sentence in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "sentence", "code"),
    [
        (["record", "show", "work_order/NONE"], "There is no work_order/NONE. Check the name.", "not_found"),
        (
            ["person", "add", "c.new", "--name", "C", "--role", "technician", "--as", "a.okafor"],
            "This takes admin, and a.okafor is technician. Ask somebody who has the role that is named.",
            "not_permitted",
        ),
    ],
)
def test_an_error_at_the_office_is_a_sentence_with_what_to_do(
    home: Path, words: list[str], sentence: str, code: str
) -> None:
    assert call("sync_server", *words, "--home", str(home)).stderr == f"{sentence}\n"
    told = json.loads(call("sync_server", *words, "--json", "--home", str(home)).stdout)
    assert (told["error"], told["code"]) == (sentence, code)


def test_a_list_of_parts_says_how_many_there_are(home: Path) -> None:
    lines = call("sync_server", "record", "list", "stock_item", "--home", str(home)).stdout.splitlines()
    assert lines
    assert all(re.search(r"\d+ \S+ on hand$", line) for line in lines)


def test_a_server_that_was_never_made_says_how(tmp_path: Path) -> None:
    done = call("sync_server", "serve", "--home", str(tmp_path))
    assert done.returncode == 1
    assert "tailboard-server init" in done.stderr


def test_a_damaged_secret_is_a_sentence(tmp_path: Path) -> None:
    processes.administer(tmp_path, "init", "--tenant", "t", "--name", "T")
    (tmp_path / "server.secret").write_bytes(b"")
    for words in (["person", "list"], ["serve", "--port", "0"], ["init", "--tenant", "u", "--name", "U"]):
        done = call("sync_server", *words, "--home", str(tmp_path))
        assert (done.returncode, "restore its backup" in done.stderr) == (3, True), done.stderr


@pytest.mark.parametrize(
    ("url", "code", "sentence"),
    [
        ("http://127.0.0.1:9", "ABC", "not an enrolment code"),
        ("http://[::1", "ABCD-EFGH-JKMN", "not an address"),
        ("sync.example:8750", "ABCD-EFGH-JKMN", "not an address"),
        ("http://", "ABCD-EFGH-JKMN", "not an address"),
    ],
)
def test_a_mistake_at_enrolment_is_a_sentence(tmp_path: Path, url: str, code: str, sentence: str) -> None:
    (tmp_path / "pin").write_text("2468")
    where = ["--home", str(tmp_path / "home"), "--pin-file", str(tmp_path / "pin")]
    done = call("device", "enrol", url, code, *where)
    assert (done.returncode, sentence in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "home").exists()


def test_a_long_laptop_name_is_cut(home: Path, url: str, tmp_path: Path) -> None:
    (tmp_path / "pin").write_text("2468")
    where = ["--home", str(tmp_path / "home"), "--pin-file", str(tmp_path / "pin"), "--name", "n" * 80]
    done = call("device", "enrol", url, processes.administer(home, "enrol-code", "b.lind")["code"], *where)
    assert done.returncode == 0, done.stderr
    assert "n" * 60 in {each["name"] for each in processes.administer(home, "device", "list")["devices"]}


def test_a_day_on_the_command_line(laptop: list[str], home: Path) -> None:
    assert told(laptop, "sync")["changes"] > 50
    jobs = told(laptop, "jobs")["jobs"]
    assert len(jobs) == 20
    assert told(laptop, "work", "offline")["link"] == "offline"
    assert told(laptop, "sync", code=1)["rounds"] == 0
    told(laptop, "note", "WO-1042", "hello from the command line")
    assert [item["standing"] for item in told(laptop, "outbox", "list")["items"]] == ["Saved"]
    told(laptop, "work", "online")
    sent = told(laptop, "sync")
    assert (sent["accepted"], sent["kept"], sent["error"]) == (1, 0, None)
    assert told(laptop, "status")["counts"]["Accepted"] == 1
    history = told(laptop, "job", "wo-1042")["history"]
    assert "hello from the command line" in history[-1]["what"]
    assert processes.administer(home, "verify-audit")["links"] > 50


def test_the_outbox_on_the_command_line(laptop: list[str], tmp_path: Path) -> None:
    told(laptop, "sync")
    told(laptop, "work", "offline")
    one, two, three = (told(laptop, "note", "WO-1042", text)["saved"][0] for text in ("one", "two", "three"))
    shown = told(laptop, "outbox", "show", two)
    assert shown["command"]["payload"]["text"] == "two"
    assert told(laptop, "outbox", "show", f"#{shown['number']}")["id"] == two
    assert told(laptop, "outbox", "withdraw", two)["withdrawn"] == [two]
    assert [item["withdrawn"] for item in told(laptop, "outbox", "list")["items"]][-3:] == [False, True, False]
    checks = told(laptop, "outbox", "check")["checks"]
    assert [(each["obstacle"], each["changed"], each["forecast"]) for each in checks] == [(None, [], None)] * 2
    told(laptop, "work", "online")
    forecasts = [each["forecast"]["outcome"] for each in told(laptop, "outbox", "check", "--online")["checks"]]
    assert set(forecasts) <= {"applied", "merged"}
    file = tmp_path / "outbox.json"
    assert told(laptop, "outbox", "export", str(file))["commands"] == 3
    assert json.loads(file.read_text())["tailboard"] == "outbox.v1"
    assert "is there already" in told(laptop, "outbox", "export", str(file), code=1)["error"]
    assert "Ask the office for the answer" in told(laptop, "outbox", "import", str(file), code=1)["error"]
    sent = told(laptop, "sync")
    assert (sent["accepted"], sent["taken_back"], sent["refused"], sent["kept"]) == (2, 1, 0, 0)
    assert "settled already" in told(laptop, "outbox", "withdraw", one, code=1)["error"]
    assert "did not come back" in told(laptop, "outbox", "reissue", three, code=1)["error"]
    assert "no command 99" in told(laptop, "outbox", "drop", "99", code=1)["error"]
    status = told(laptop, "status")
    assert (status["expiring"], status["lost"], status["shut_out"]) == ({}, [], None)


def test_a_wrong_pin_and_a_missing_one(laptop: list[str], tmp_path: Path) -> None:
    wrong = tmp_path / "pin"
    wrong.write_text("1111")
    done = call("device", "status", "--home", laptop[1], "--pin-file", str(wrong))
    assert (done.returncode, "Wrong PIN" in done.stderr) == (1, True)
    done = call("device", "status", "--home", laptop[1])
    assert (done.returncode, "--pin-file" in done.stderr) == (2, True)
    done = call("device", "status", "--home", str(tmp_path / "nowhere"), "--pin-file", str(wrong))
    assert (done.returncode, "tailboard enrol" in done.stderr) == (1, True)


def test_a_file_is_attached_sent_and_fetched_again(laptop: list[str], tmp_path: Path) -> None:
    photo = tmp_path / "pump 7.jpg"
    photo.write_bytes(b"photo" * 100_000)
    told(laptop, "sync")
    (saved,) = told(laptop, "attach", "WO-1043", str(photo))["saved"]
    (waiting,) = [item for item in told(laptop, "outbox", "list")["items"] if item["id"] == saved]
    assert waiting["file"] == {"percent": 0, "size": 500_000, "up": False}
    told(laptop, "sync")
    (sent,) = [item for item in told(laptop, "outbox", "list")["items"] if item["id"] == saved]
    assert (sent["standing"], sent["file"]["up"]) == ("Accepted", True)
    fetched = told(laptop, "fetch", "WO-1043", "pump 7.jpg", "--to", str(tmp_path / "fetched"))["file"]
    assert Path(fetched).read_bytes() == photo.read_bytes()
    for words in (["attach", "WO-1043", str(tmp_path)], ["fetch", "WO-1043", "none.jpg"]):
        done = call("device", *words, *laptop)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False)


# -- looking after the database


def test_a_database_is_backed_up_restored_and_told_of(tmp_path: Path) -> None:
    home, file = tmp_path / "server", tmp_path / "backup"
    processes.administer(home, "init", "--tenant", "t", "--name", "T")
    assert processes.administer(home, "incarnation", "show")["incarnation"] == 1
    assert processes.administer(home, "migrate")["before"] == processes.administer(home, "migrate")["after"]
    with processes.server(home):
        assert processes.administer(home, "backup", str(file))["incarnation"] == 1
        done = call("sync_server", "restore", str(file), "--reason", "x", "--home", str(home))
        assert (done.returncode, "stop every server" in done.stderr) == (3, True), done.stderr
    processes.administer(home, "person", "add", "b.lind", "--name", "B", "--role", "technician")
    restored = processes.administer(home, "restore", str(file), "--reason", "the disk broke")
    assert restored["incarnation"] == 2
    assert Path(restored["aside"]).exists()
    assert processes.administer(home, "person", "list")["people"] == []
    assert processes.administer(home, "incarnation", "raise", "--reason", "once more")["incarnation"] == 3
    assert processes.administer(home, "purge")["purged"] == {"t": {"commands": 0, "removals": 0, "traces": 0}}
    assert processes.administer(home, "verify-audit")["links"] == 2


def test_a_mistake_with_a_backup_is_a_sentence(tmp_path: Path) -> None:
    home = tmp_path / "server"
    processes.administer(home, "init", "--tenant", "t", "--name", "T")
    (tmp_path / "x").write_bytes(b"x")
    good = tmp_path / "good"
    processes.administer(home, "backup", str(good))
    for words, sentence in (
        (["restore", str(good), "--reason", " "], "Give a reason"),
        (["incarnation", "raise", "--reason", ""], "Give a reason"),
        (["restore", str(tmp_path / "none"), "--reason", "x"], "Cannot read"),
        (["restore", str(tmp_path / "x"), "--reason", "x"], "not a backup"),
        (["backup", str(tmp_path / "x")], "overwrites nothing"),
        (["backup", str(tmp_path / "no" / "such")], "Cannot write"),
    ):
        done = call("sync_server", *words, "--home", str(home))
        assert (done.returncode, sentence in done.stderr) == (1, True), done.stderr
