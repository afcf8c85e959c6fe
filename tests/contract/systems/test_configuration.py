"""`systems.toml`, the worker beside the application, and the command line."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from shared.commands.base import SERVICE_PERSON, Role
from shared.commands.external_recorded import ExternalRecorded
from shared.outcomes import Reason
from shared.problems import Refused
from shared.records import WriteStatus
from simulators.erp import Mood
from sync_server.bootstrap import build_lifespan
from sync_server.cli import main
from sync_server.settings import Settings
from sync_server.store import Person
from sync_server.sweeping import INTERVAL_S
from sync_server.systems.configuration import read_secret, read_systems
from sync_server.telemetry.sampling import EVERY
from tests.contract.systems.acceptance.conftest import _spare_wanted, office, parts
from tests.contract.systems.acceptance.world import Parts
from tests.served import TENANT, in_place

__all__ = ["_spare_wanted", "office", "parts"]

GOOD = """
[systems.parts]
url = "http://127.0.0.1:9"
hosts = ["127.0.0.1"]
execute_path = "/orders"
lookup_path = "/orders/by-key/{key}"
auth_header = "Authorization"
auth_file = "parts.secret"
enforces_keys = true
lookups_are_current = false
in_flight_max_s = 60
[systems.parts.patience]
lookups_max = 3
"""


def home(tmp_path: Path, text: str) -> Path:
    (tmp_path / "systems.toml").write_text(text, encoding="utf-8")
    return tmp_path


def test_a_server_without_the_file_has_no_systems(tmp_path: Path) -> None:
    assert read_systems(tmp_path) == {}


def test_the_file_says_everything_and_the_secret_is_apart(tmp_path: Path) -> None:
    told = read_systems(home(tmp_path, GOOD))["parts"]
    assert (told.patience.limits.lookups_max, told.timeout_s, told.key_header) == (3, 10.0, "Idempotency-Key")
    with pytest.raises(Refused, match=r"parts\.secret cannot be read"):
        read_secret(tmp_path, told)
    (tmp_path / "parts.secret").write_text("Bearer x\n", encoding="utf-8")
    assert read_secret(tmp_path, told) == "Bearer x"
    (tmp_path / "parts.secret").write_text("a\nb", encoding="utf-8")
    with pytest.raises(Refused, match="one line"):
        read_secret(tmp_path, told)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[systems.parts", "not TOML"),
        (GOOD + "lookups_maks = 1", r"systems\.parts\.patience\.lookups_maks"),
        (GOOD.replace("enforces_keys = true", ""), r"systems\.parts\.enforces_keys"),
        (GOOD + "lease_s = 20", "three times timeout_s"),
        ("[system.parts]", "system"),
    ],
)
def test_a_wrong_file_is_a_sentence_that_names_the_place(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        read_systems(home(tmp_path, text))


async def test_the_worker_runs_beside_the_application_and_ends_with_it(parts: Parts, tmp_path: Path) -> None:
    """Nobody listens at that address: what was wanted stays queued, and the worker waits instead of spinning."""
    (home(tmp_path, GOOD) / "parts.secret").write_text("Bearer x", encoding="utf-8")
    command = parts.want()
    waited: list[float] = []
    looked = asyncio.Event()

    async def wait(seconds: float) -> None:
        if seconds not in {INTERVAL_S, EVERY.total_seconds()}:  # the sweep and the sampling wait too
            waited.append(seconds)
            looked.set()
        await asyncio.Event().wait()

    lifespan = build_lifespan(Settings(tmp_path, ""), parts.office.service, in_place, wait)
    async with lifespan(None):
        await looked.wait()
    assert waited == [1.0]
    row = parts.row(command)
    assert (row.state, row.in_doubt, row.tries) == ("queued", False, 1)


def test_nobody_but_the_server_records_a_result(parts: Parts) -> None:
    command = parts.want()
    told = ExternalRecorded(status=WriteStatus.DONE, reference="PO-1")
    assert parts.give(f"external_write/{command}", told).reason is Reason.NOT_PERMITTED
    for person in (Person(SERVICE_PERSON, "x", frozenset({Role.ADMIN})), Person("x", "x", frozenset({Role.SERVICE}))):
        with pytest.raises(Refused, match="the server's own"):
            parts.office.put_person(TENANT, person)


async def test_the_service_person_enrols_no_device(parts: Parts) -> None:
    parts.want()
    await parts.step()
    assert SERVICE_PERSON in {person.id for person in parts.office.people(TENANT)}
    with pytest.raises(Refused, match="no person tailboard"):
        parts.office.enrol_code(TENANT, SERVICE_PERSON)


async def test_the_command_line_lists_and_decides(
    parts: Parts, tmp_path: Path, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def call(*words: str) -> tuple[int, dict[str, Any]]:
        code = main([*words, "--home", str(tmp_path / "server"), "--database", database, "--json"])
        return code, json.loads(capsys.readouterr().out)

    parts.erp.mood = Mood.REFUSES
    command = parts.want()
    code, told = call("outgoing", "list")
    (entry,) = told["outgoing"]
    assert (code, entry["command"], entry["state"], entry["body"]["part"]) == (0, command, "queued", "S-1")
    await parts.step()
    code, told = call("parked", "list")
    (write,) = told["parked"]
    assert (code, write["fields"]["status"]) == (0, "refused")
    words = ("parked", "decide", command, "--reason", "rang them", "--actor", "m.reyes")
    assert call(*words)[0] == 2
    assert call(*words, "--retry", "--it-did-not")[0] == 2
    assert call(*words, "--it-happened", "")[0] == 2
    assert call(*words, "--it-happened", "PO-9")[0] == 0
    assert parts.status(command) == "done"
    assert call(*words, "--retry")[0] == 1
    assert call("parked", "list")[1]["parked"] == []
