"""A vocabulary's way: learned from a file, published, fetched and verified by the laptop, used for its notes."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from device import bootstrap
from device.bootstrap import Device
from device.routes import Question
from device.settings import Settings
from policies.rollout import Rollout
from shared.problems import Refused
from shared.routing import DataClass
from shared.updates import vocabulary_number, vocabulary_target
from sync_server import cli as office
from sync_server.cluster.policy import RolledOut, shipped_policies
from sync_server.updates.bundles import shipped_bundle
from tests.served import TENANT, Server, in_place
from tests.unit.shared.vocabulary.history import RAW, made_up

PIN = "2468"


@pytest.fixture
async def device(server: Server, tmp_path: Path) -> AsyncIterator[Device]:
    settings, ports, http = Settings(tmp_path / "laptop"), server.office.service.ports, server.http._transport
    code = server.office.enrol_code(TENANT, "a.okafor")
    await bootstrap.enrol(settings, "http://server", code, PIN, "test", ports, transport=http)
    made = bootstrap.open_device(settings, PIN, ports, transport=http, run_blocking=in_place)
    await made.agent.settle()
    yield made
    await made.close()


async def sync(device: Device) -> list[str]:
    device.agent.session.send_now()
    return [step.update for step in await device.agent.settle() if isinstance(step.update, str)]


def put(server: Server, number: int, raw: bytes) -> None:
    """Sign any bytes as a vocabulary, as an office of another version might."""
    with server.office.service.store.transaction() as tx:
        publisher = server.office.service.publisher(tx, TENANT)
        publisher.publish({}, Rollout(), also={vocabulary_target(number): raw})


def shorthand(device: Device) -> list[str] | None:
    vocabulary = device.workbench.vocabulary()
    return [token.normal for token in vocabulary.normalise("RPR DISCH VLV").tokens] if vocabulary else None


async def test_what_the_office_publishes_is_used_on_the_laptop_with_the_next_sync(
    device: Device, server: Server
) -> None:
    assert shorthand(device) is None
    assert server.office.publish_vocabulary(TENANT, "root", RAW) == 1
    assert await sync(device) == []
    assert shorthand(device) == ["repair", "discharge", "valve"]
    assert server.office.vocabularies(TENANT) == {1: len(RAW)}


async def test_the_laptop_takes_the_highest_number_and_never_goes_back(device: Device, server: Server) -> None:
    for _ in range(6):
        server.office.publish_vocabulary(TENANT, "root", RAW)
    await sync(device)
    assert device.updates.shelf.vocabulary_number() == 6
    assert list(server.office.vocabularies(TENANT)) == [3, 4, 5, 6]
    with server.office.service.store.transaction() as tx:
        publisher = server.office.service.publisher(tx, TENANT)
        publisher.publish({}, Rollout(), gone=[vocabulary_target(6), vocabulary_target(5)])
    assert await sync(device) == []
    assert device.updates.shelf.vocabulary_number() == 6
    assert shorthand(device) is not None


async def test_one_that_the_program_cannot_read_leaves_the_last_good_one_and_holds_nothing_up(
    device: Device, server: Server
) -> None:
    server.office.publish_vocabulary(TENANT, "root", RAW)
    await sync(device)
    put(server, 2, b"tailboard-vocabulary-9\n...")
    assert await sync(device) == []
    assert device.updates.shelf.vocabulary_number() == 1
    assert shorthand(device) is not None


async def test_what_is_marked_raises_the_class_of_a_question(device: Device, server: Server) -> None:
    question = Question("answer", "Orinoco asked about the valve", DataClass.PUBLIC)
    before = device.workbench.routes.classified(question)
    server.office.publish_vocabulary(TENANT, "root", RAW)
    await sync(device)
    after = device.workbench.routes.classified(question)
    assert "marked_sensitive" not in before.reasons()
    assert "marked_sensitive" in after.reasons()
    assert after.data_class.rank > before.data_class.rank


@pytest.mark.parametrize(
    "words", ["Orinoco asked about the valve", "Harold said so", "REPL INLT FLTR", "QA999 leaks"]
)
async def test_both_sides_find_the_same_class_with_the_same_vocabulary(
    device: Device, server: Server, words: str
) -> None:
    server.office.publish_vocabulary(TENANT, "root", RAW)
    await sync(device)
    found = device.workbench.routes.classified(Question("answer", words, DataClass.PUBLIC)).data_class
    assert on_the_server(server, words) == (found, found)


def test_the_server_reads_the_newest_vocabulary_that_it_can(server: Server) -> None:
    assert on_the_server(server, "Orinoco said so") == (DataClass.PUBLIC, DataClass.PUBLIC)
    server.office.publish_vocabulary(TENANT, "root", RAW)
    put(server, 9, b"tailboard-vocabulary-99\nof a later program")
    gateway, queue = on_the_server(server, "Orinoco said so")
    assert gateway == queue
    assert gateway is not None
    assert gateway.rank > DataClass.PUBLIC.rank


def on_the_server(server: Server, words: str) -> tuple[DataClass | None, DataClass]:
    """What the gateway, and the judge of queued questions, take words for."""
    service = server.office.service
    policies = shipped_policies()
    policies.read(service)
    queue = RolledOut(shipped_bundle(), service.publisher)
    with service.store.transaction() as tx:
        return policies.classify(TENANT, words), queue.class_of(tx, TENANT, words, DataClass.PUBLIC)


def test_the_office_refuses_what_no_laptop_could_use(server: Server) -> None:
    with pytest.raises(Refused, match="no vocabulary"):
        server.office.publish_vocabulary(TENANT, "root", b"junk")
    with pytest.raises(Refused):
        server.office.publish_vocabulary(TENANT, "a.okafor", RAW)


@pytest.mark.parametrize(
    "name", ["bundles/1.json", "vocabularies/01.bin", "vocabularies/x.bin", "vocabularies/1", "x/1.bin"]
)
def test_other_targets_are_no_vocabularies(name: str) -> None:
    assert vocabulary_number(name) is None


def test_learning_says_how_good_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history, kept = tmp_path / "notes.tsv", tmp_path / "v.bin"
    history.write_text(made_up(), encoding="utf-8")
    assert office.main(["vocabulary", "learn", str(history), "--output", str(kept), "--folds", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert kept.read_bytes() == RAW
    assert told["notes"] == 600
    assert told["entries"] > 60
    assert told["held_out"]["folds"] == 2
    assert told["held_out"]["error_reduction"] > 0.95


def test_a_file_that_is_no_history_is_a_mistake_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history = tmp_path / "notes.tsv"
    history.write_text("no tabs here\n", encoding="utf-8")
    assert office.main(["vocabulary", "learn", str(history)]) == 2
    assert "line 1" in capsys.readouterr().err


def test_the_bench_skips_visibly_without_the_notes() -> None:
    from simulators.bench.assistant import measure

    figures = measure(None).figures
    assert figures
    assert all("--data" in figure["skipped"] or "so far" in figure["skipped"] for figure in figures.values())
