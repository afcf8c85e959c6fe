"""The office's verbs about bundles, as somebody types them, and a real server process that hands the files out."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from device import bootstrap
from device import cli as laptop
from policies.bundle import FILES, MANIFEST
from shared.commandline import UsageError
from simulators import processes
from sync_server import cli as office
from sync_server.settings import read_settings

AS = ("--as", "s.varga", "--reason", "for the test")
Say = Callable[..., dict[str, Any]]


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


@pytest.fixture
def say(home: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """Type a verb of the office; its report."""

    def typed(*words: str, code: int = 0) -> dict[str, Any]:
        capsys.readouterr()
        assert office.main([*words, "--home", str(home), "--json"]) == code, capsys.readouterr()
        out, err = capsys.readouterr()
        told: dict[str, Any] = json.loads(out or err)
        return told

    return typed


def folder_of(folder: Path, version: int, **changes: str) -> str:
    """A folder with the shipped bundle under that number, and with `changes` by file."""
    folder.mkdir(exist_ok=True)
    files = {name: changes.get(name, text) for name, text in bootstrap.default_bundle().files.items()}
    files[MANIFEST] = re.sub(r"(?m)^version = .*", f"version = {version}", files[MANIFEST])
    for name in FILES:
        (folder / name).write_text(files[name], encoding="utf-8")
    return str(folder)


def test_a_bundle_goes_from_a_folder_to_a_laptop_over_a_real_server(
    home: Path, url: str, say: Say, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pin = tmp_path / "pin"
    pin.write_text("2468\n")

    def take(*words: str) -> dict[str, Any]:
        capsys.readouterr()
        assert laptop.main([*words, "--home", str(tmp_path / "home"), "--pin-file", str(pin), "--json"]) == 0
        told: dict[str, Any] = json.loads(capsys.readouterr().out)
        return told

    take("enrol", url, say("enrol-code", "a.okafor")["code"])
    told = take("status")
    assert (told["policy_version"], told["policy_from"], told["policy_rollout"]) == ("shipped-1", "program", None)
    assert say("policy", "list")["versions"] == []
    assert say("policy", "publish", folder_of(tmp_path / "new", 5), *AS[:2])["version"] == 5
    device = take("status")["device"]
    stage = say(
        "policy", "rollout", "5", "--shadow", "--workload", "answer", "--risk", "public", "--group", device, *AS
    )
    assert stage["rollout"]["stages"] == [
        {"version": 5, "mode": "shadow", "purposes": ["answer"], "classes": ["public"], "groups": [device]}
    ]
    assert say("policy", "withdraw", "5", *AS)["rollout"]["stages"] == []
    assert say("policy", "rollout", "5", "--force", *AS)["rollout"]["in_force"] == 5
    assert take("sync")["ok"]
    told = take("status")
    assert (told["policy_version"], told["policy_from"], told["policy_rollout"]) == ("shipped-5", "office", 4)
    assert told["update_error"] is None
    assert say("policy", "rollback", "5", "--number", "9", *AS)["rollout"]["in_force"] == 9
    assert say("policy", "rotate-keys", "--root-keys", "3", "--root-threshold", "2", *AS)["root_version"] == 2
    take("sync")
    assert take("status")["policy_version"] == "shipped-9"
    assert say("policy", "list")["versions"] == [5, 9]
    shown = [each for each in say("verify-audit") if each]
    assert shown


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("policy", "rollout", "5", "--force"), "there is no bundle 5"),
        (("policy", "rollback", "5"), "there is no bundle 5"),
        (("policy", "withdraw", "5"), "rolled out nowhere"),
        (("policy", "rotate-keys"), "nothing was published yet"),
    ],
)
def test_what_cannot_be_done_before_anything_was_published(
    words: tuple[str, ...], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    processes.administer(tmp_path, "init", "--tenant", "t", "--name", "T")
    processes.administer(tmp_path, "person", "add", "s.varga", "--name", "M", "--role", "admin")
    assert office.main([*words, *AS, "--home", str(tmp_path)]) == 1
    assert why in capsys.readouterr().err.lower()


def test_what_is_wrong_with_a_bundle_is_said_before_it_is_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, folder = tmp_path / "home", tmp_path / "bundle"
    processes.administer(home, "init", "--tenant", "t", "--name", "T")
    processes.administer(home, "person", "add", "s.varga", "--name", "M", "--role", "admin")
    processes.administer(home, "person", "add", "a.okafor", "--name", "A", "--role", "technician")

    def say(*words: str, code: int) -> str:
        assert office.main([*words, "--home", str(home)]) == code
        out, err = capsys.readouterr()
        return out + err

    publish = ("policy", "publish", str(folder), "--as", "s.varga")
    assert "lacks manifest.toml" in say(*publish, code=1)
    folder_of(folder, 2, **{"boundary.cedar": "permit ("})
    assert "boundary.cedar" in say(*publish, code=1)
    assert "takes admin" in say("policy", "publish", folder_of(folder, 2), "--as", "a.okafor", code=1)
    say(*publish, code=0)
    assert "not above 2" in say(*publish, code=1)
    assert "--shadow" in say("policy", "rollout", "2", *AS, code=2)
    assert "no device, and no team" in say("policy", "rollout", "2", "--force", "--group", "north", *AS, code=1)
    say("policy", "rollout", "2", "--force", *AS, code=0)
    assert "policy rollback 2" in say("policy", "rollout", "2", "--shadow", *AS, code=1)
    assert "in force for everything" in say("policy", "withdraw", "2", *AS, code=1)
    assert "1 to 9 keys" in say("policy", "rotate-keys", "--root-threshold", "2", *AS, code=1)
    old = {MANIFEST: 'name = "a"\nversion = 0\nvalid_from = 2024-01-01T00:00:00Z\nexpires_at = 2024-02-01T00:00:00Z'}
    folder_of(folder, 3, **old)
    say(*publish, code=0)
    assert "permits nothing but the laptop itself" in say("policy", "rollout", "3", "--force", *AS, code=1)


def test_the_terms_of_updates_come_from_the_environment() -> None:
    told = {"TAILBOARD_SERVER_TIMESTAMP_DAYS": "2", "TAILBOARD_SERVER_ROOT_KEYS": "3"}
    terms = read_settings(told | {"TAILBOARD_SERVER_ROOT_THRESHOLD": "2"}).terms
    assert (terms.timestamp, terms.root_keys, terms.root_threshold) == (timedelta(days=2), 3, 2)
    with pytest.raises(UsageError, match="4 of 3"):
        read_settings(told | {"TAILBOARD_SERVER_ROOT_THRESHOLD": "4"})
