"""`tailboard-server record`: what it says is what the server is configured to do, and no secret is in it."""

import json
from pathlib import Path
from typing import Any

import pytest

from device import bootstrap
from policies.bundle import MANIFEST, BadBundle, pack
from policies.record import RuntimeRecord
from shared import embedded_model
from shared.commands.base import Role
from shared.routing import Boundary, DataClass, Route
from sync_server import record_commands
from sync_server.bootstrap import build_office
from sync_server.cli import main
from sync_server.office import Office
from sync_server.office.policies import Scope
from sync_server.settings import read_settings
from sync_server.store import Person

WHY = "for the test"

CLUSTER = """
hosts = ["10.0.0.7", "models.example"]
managed_cloud = true

[upstreams.house]
url = "http://10.0.0.7:8000"
boundary = "private_cluster"
model = "Qwen/Qwen3-8B"
tier = "standard"
context_tokens = 32768
slots = 16
queue_max = 12
first_byte_timeout_s = 21
between_tokens_timeout_s = 7
key_env = "HOUSE_KEY"

[upstreams.managed]
url = "https://models.example/v1"
boundary = "managed_cloud"
model = "managed-xl"
tier = "high"
context_tokens = 200000
cost_per_1k_tokens = 0.01

[quota.tenant]
requests = 6000
tokens = 2000000
"""

SYSTEMS = """
[systems.parts]
url = "https://erp.example"
hosts = ["erp.example"]
execute_path = "/orders"
lookup_path = "/orders/by-key/{key}"
auth_header = "Authorization"
auth_file = "parts.secret"
enforces_keys = true
lookups_are_current = true
in_flight_max_s = 120

[systems.parts.patience]
lookups_max = 4
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "server"
    assert main(["init", "--tenant", "harrow", "--name", "Harrow", "--home", str(made)]) == 0
    return made


@pytest.fixture
def office(home: Path) -> Office:
    made = build_office(read_settings({}, home=str(home)))
    made.put_person("harrow", Person("root", "Root", frozenset({Role.ADMIN})))
    return made


Told = tuple[RuntimeRecord, dict[str, Any]]


def record(home: Path, capsys: pytest.CaptureFixture[str], *words: str) -> Told:
    capsys.readouterr()
    assert main(["record", "--home", str(home), *words, "--json"]) == 0
    data: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert data.pop("ok") is True
    return RuntimeRecord.model_validate_json(json.dumps(data)), data


def published(office: Office, version: int) -> None:
    files = dict(bootstrap.default_bundle().files)
    told = ('name = "harrow"', f"version = {version}", "valid_from = 2025-01-01T00:00:00Z")
    files[MANIFEST] = "\n".join((*told, "expires_at = 2031-01-01T00:00:00Z"))
    office.publish_bundle("harrow", "root", pack(files))


def test_without_models_it_says_what_moves_all_the_same(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told, _ = record(home, capsys)
    assert (told.tenant, told.bundle, told.assumptions["roll-out"]) == ("harrow", "shipped-1", "serial 0")
    assert {each.role for each in told.locations} == {"control", "execution", "data", "evidence"}
    assert [each.name for each in told.engines] == ["laptop"]
    assert "say --cluster" in told.assumptions["models besides the laptops'"]
    assert all(each.deadline and each.on_failure for each in told.transfers)
    assert told.versions["tailboard"]
    assert {"cedarpy", "cryptography", "python"} <= told.versions.keys()
    assert embedded_model.SHA256 in told.versions["model on a laptop"]


def test_what_the_cluster_file_says_is_in_it_and_needs_no_key(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cluster.toml"
    file.write_text(CLUSTER, encoding="utf-8")
    monkeypatch.delenv("HOUSE_KEY", raising=False)
    told, _ = record(home, capsys, "--cluster", str(file))
    house, managed = told.engines[1:]
    assert (house.where, house.slots, house.boundary) == ("http://10.0.0.7:8000", 16, Route.PRIVATE_CLUSTER)
    assert (managed.boundary, managed.cost_per_1k_tokens) == (Route.MANAGED_CLOUD, 0.01)
    crossing = {(each.target, each.data_class): each for each in told.transfers if each.source == "this laptop"}
    restricted = crossing[house.where, DataClass.RESTRICTED]
    assert (restricted.when, restricted.deadline) == (
        "with the technician's consent",
        "first byte in 21 s, then every 7 s",
    )
    assert crossing[managed.where, DataClass.PERSONAL].when == "never"
    assert crossing[managed.where, DataClass.PERSONAL].on_failure == "nothing leaves"
    assert told.assumptions["tasks at once in PRIVATE CLUSTER"] == "16"
    assert told.assumptions["may wait for house"] == "12"
    assert told.assumptions["quota of each organisation"] == "6000 requests, 2000000 tokens in 3600 s"


def test_the_embedded_model_is_one_that_is_pinned(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told, _ = record(home, capsys, "--cluster", "embedded")
    assert told.engines[1].where == "a process of this server, on loopback"
    assert embedded_model.SHA256 in told.versions["model of embedded"]


def test_what_is_rolled_out_decides_and_the_stages_are_named(
    home: Path, office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    for version in (1, 2):
        published(office, version)
    office.roll_out("harrow", "root", 1, "in_force", Scope(), WHY)
    office.roll_out("harrow", "root", 2, "shadow", Scope(frozenset({"answer"})), WHY)
    told, _ = record(home, capsys)
    assert told.bundle == "harrow-1"
    assert told.assumptions["stage 1"] == "in shadow bundle 2 for workload answer"


def test_a_bundle_that_cannot_be_read_opens_nothing_and_that_is_said(
    home: Path,
    office: Office,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    published(office, 1)
    office.roll_out("harrow", "root", 1, "in_force", Scope(), WHY)

    def unreadable(raw: bytes) -> None:
        raise BadBundle("made by a later program")

    monkeypatch.setattr(record_commands, "unpack", unreadable)
    file = tmp_path / "cluster.toml"
    file.write_text(CLUSTER, encoding="utf-8")
    told, _ = record(home, capsys, "--cluster", str(file))
    assert "bundle 1 is in force and cannot be read" in told.assumptions["policies in force"]
    engines = {each.where for each in told.engines}
    assert {each.when for each in told.transfers if each.target in engines} == {"never"}


def test_systems_of_record_are_transfers_and_their_secrets_are_not_read(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "systems.toml").write_text(SYSTEMS, encoding="utf-8")
    told, _ = record(home, capsys)  # there is no parts.secret
    (write,) = [each for each in told.transfers if each.target.startswith("parts, ")]
    assert (write.boundary, write.data_class) == (Route.MANAGED_CLOUD, DataClass.PERSONAL)
    assert "120 s" in write.deadline
    assert "up to 4 times" in write.on_failure


def test_the_document_is_for_people(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["record", "--home", str(home)]) == 0
    text = capsys.readouterr().out
    for title in ("# Runtime Decision Record", "## Who decides", "## What may move", "## Pinned versions"):
        assert title in text


@pytest.mark.parametrize(
    ("url", "where", "boundary"),
    [
        ("postgresql+psycopg://me:hunter2@10.1.2.3/t", "postgresql+psycopg://me:***@10.1.2.3/t", "private_cluster"),
        ("postgresql+psycopg://me:hunter2@db/t?sslkey=x", "postgresql+psycopg://me:***@db/t", "private_cluster"),
        ("postgresql+psycopg:///t?host=db.example.com", "postgresql+psycopg://db.example.com/t", "managed_cloud"),
        ("postgresql+psycopg:///t?host=/run/pg", "postgresql+psycopg:///t", "private_cluster"),
        ("postgresql+psycopg://8.8.8.8/t", "postgresql+psycopg://8.8.8.8/t", "managed_cloud"),
        ("postgresql+psycopg://134744072/t", "postgresql+psycopg://134744072/t", "managed_cloud"),
    ],
)
def test_a_database_is_named_without_its_password(home: Path, url: str, where: str, boundary: Boundary) -> None:
    settings = read_settings({}, home=str(home), database=url)
    assert record_commands._database(settings) == (where, boundary)


def test_a_noun_that_may_be_called_alone_keeps_its_verbs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["record", "list", "asset", "--home", str(home), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "tailboard.records.v1"
    with pytest.raises(SystemExit):
        main(["record", "--help"])
    assert "--cluster" in capsys.readouterr().out
