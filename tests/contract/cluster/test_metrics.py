"""What is measured: one table, computed from the store, shown to whoever has the token; no label names anybody."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from shared.contract import to_instant
from shared.evidence import Attempted, Decided, read_told
from shared.metrics import LISTED, METRICS, NAMED, UNLISTED, Key, tally
from shared.ports import SystemRandomness
from shared.problems import Refused
from sync_server.api.app import build_app
from sync_server.cluster.keeping import write_down
from sync_server.telemetry.counting import counts_of
from sync_server.telemetry.page import MEDIA_TYPE, page
from sync_server.telemetry.readings import Readings, names_known, read_process, read_store
from sync_server.telemetry.token import make_token
from tests.contract.cluster.test_evidence import CANARY, JOB, WORDS, Told, told
from tests.served import TENANT, Laptop, Server, in_place

__all__ = ["told"]


def of(readings: Readings, name: str) -> dict[tuple[str, ...], float]:
    return {labels[1:]: value for (each, labels), value in readings.items() if each == f"tailboard_{name}"}


async def used(told: Told) -> Readings:
    """A laptop asked, was refused, agreed, told all of it; the gateway wrote its audit."""
    await told.ask()
    await told.ask(CANARY, purpose="answer")
    await told.ask(CANARY, purpose="answer", consent="job")
    await told.settle()
    gateway, reception = told.stage.parts.gateway, told.stage.parts.reception
    while await write_down(gateway, reception, in_place):
        pass
    return read_store(told.server.office.service) | read_process(gateway)


async def test_what_the_field_asks_for_is_measured(told: Told) -> None:
    readings = await used(told)
    assert names_known(readings)
    assert of(readings, "decisions_total")["private_cluster", "summarise", "internal"] == 1
    assert sum(of(readings, "decisions_total").values()) == 3
    assert sum(of(readings, "fail_closed_total").values()) == 1
    assert of(readings, "consents_total")["given", "private_cluster", "personal"] == 1
    assert of(readings, "attempts_total")["private_cluster", "up", "answered"] == 2
    assert of(readings, "moved_bytes_total")["private_cluster", "internal", "up"] > 600
    assert sum(of(readings, "decision_policies_total").values()) >= 3
    assert not any(UNLISTED in labels for _, labels in readings)
    assert of(readings, "gateway_tasks_total") == {("device", "private_cluster", "answered"): 2}
    assert of(readings, "gateway_duration_seconds_bucket")["one", "+Inf"] == 2
    assert of(readings, "evidence_missing") == {(): 0}
    assert of(readings, "traces_total")[()] == of(readings, "evidence_entries")[()]


async def test_asking_twice_counts_the_audit_once(told: Told) -> None:
    await used(told)
    service = told.server.office.service
    assert read_store(service) == read_store(service)
    assert of(read_store(service), "audit_uncounted") == {(): 0}


async def test_the_page_is_what_prometheus_reads_and_names_nobody(told: Told) -> None:
    raw = page(await used(told))
    families = {each.name: each for each in text_string_to_metric_families(raw.decode())}
    assert families["tailboard_decisions"].type == "counter"
    assert families["tailboard_gateway_first_token_seconds"].type == "histogram"
    for word in (*WORDS, "okafor", told.device.identity.device, JOB.partition("/")[2]):
        assert not re.search(rf'"{re.escape(word)}', raw.decode()), word
        assert word not in WORDS or word.encode() not in raw
    for family in families.values():
        for sample in family.samples:
            for label, value in sample.labels.items():
                listed = LISTED.get(label)
                assert label in {*NAMED, "le"} or (listed and value in {*listed, UNLISTED}), (label, value)


def test_every_label_of_the_table_is_of_a_closed_list_or_an_operators_name() -> None:
    assert {label for metric in METRICS for label in metric.labels} <= {*LISTED, *NAMED}
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        assert metric.help.endswith("."), metric.name


# -- who may read it


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "metrics.token"
    make_token(path, SystemRandomness())
    return path


def content(token: Path) -> str:
    return token.read_text().strip()


def write(token: Path, text: str, mode: int = 0o600) -> None:
    token.write_text(text)
    token.chmod(mode)


async def get(server: Server, token: Path | None, shown: str | None) -> httpx.Response:
    app = build_app(server.office.service, in_place, metrics_token=token)
    way = httpx.ASGITransport(app, client=("127.0.0.1", 5000))
    async with httpx.AsyncClient(transport=way, base_url="http://server") as http:
        return await http.get("/metrics", headers={"authorization": shown} if shown else {})


async def test_only_whoever_shows_the_token_reads(server: Server, token: Path) -> None:
    right = content(token)
    told = await get(server, token, f"Bearer {right}")
    assert (told.status_code, told.headers["content-type"]) == (200, MEDIA_TYPE)
    assert b"tailboard_evidence_laptops" in told.content
    for wrong in (None, "Bearer ", f"Bearer {right}x", f"Basic {right}", right, f"Bearer {right[:-1]}"):
        assert (await get(server, token, wrong)).status_code == 401, wrong


async def test_without_a_token_that_is_kept_well_nobody_reads(server: Server, token: Path) -> None:
    kept = content(token)
    right = f"Bearer {kept}"
    assert (await get(server, None, right)).status_code == 404
    assert (await get(server, token.with_name("none"), right)).status_code == 404
    write(token, kept, 0o644)
    assert (await get(server, token, right)).status_code == 404
    write(token, kept)
    assert (await get(server, token, right)).status_code == 200
    write(token, "short")
    assert (await get(server, token, "Bearer short")).status_code == 404
    write(token, "")
    assert (await get(server, token, "Bearer ")).status_code == 404
    with pytest.raises(Refused, match="there already"):
        make_token(token, SystemRandomness())


# -- counts


async def test_a_command_that_comes_again_is_a_duplicate_that_was_prevented(server: Server, laptop: Laptop) -> None:
    await laptop.sync()
    envelope = laptop.say("note.added", "work_order/WO-1", text="once")
    for _ in range(3):
        await laptop.round(envelope)
    readings = read_store(server.office.service)
    assert of(readings, "duplicates_prevented_total") == {(): 2}
    assert of(readings, "commands_settled_total")["applied",] >= 1


def counted(kind: str, told_text: str) -> dict[Key, int]:
    return dict(tally([(kind, read_told(kind, told_text))], {"known"}))


def decided(**other: object) -> Iterator[Decided]:
    facts = {"purpose": "answer", "data_class": "internal", "input_chars": 4, "link": "down"}
    base = {"ref": f"k{'0' * 32}", "decided_at": to_instant("2026-05-01T08:00:00+00:00"), "facts": facts}
    yield Decided.model_validate(base | {"data_class": "internal", "route": "device", "bundle": "b-1"} | other)


def test_a_policy_that_nobody_published_is_no_label() -> None:
    (one,) = decided(policies=("known", "Ms-Harrington"))
    counts = tally([("decision", one)], {"known"})
    assert counts["tailboard_decision_policies_total", ("known", "device")] == 1
    assert counts["tailboard_decision_policies_total", (UNLISTED, "device")] == 1
    assert not any("Harrington" in str(key) for key in counts)


@pytest.mark.parametrize(
    ("held", "route", "switches"),
    [
        ("device", "private_cluster", 1),
        ("private_cluster", "private_cluster", 0),
        (None, "device", 0),
        ("device", "refuse", 0),
    ],
)
def test_leaving_the_place_of_a_conversation_is_a_switch(held: str | None, route: str, switches: int) -> None:
    (one,) = decided(route=route, steady={"link": "up", "held": held})
    assert tally([("decision", one)], ())["tailboard_route_switches_total", ("down",)] == switches


@pytest.mark.parametrize(
    ("problem", "mismatch"),
    [("", 0), ("no_answer", 0), ("model_failed", 1), ("no_capacity", 1), ("device_revoked", 0)],
)
def test_a_place_that_could_not_do_what_it_was_taken_for_is_a_mismatch(problem: str, mismatch: int) -> None:
    said = {"decision": f"k{'0' * 32}", "route": "device", "data_class": "internal", "link": "down"}
    tried = Attempted.model_validate(said | {"problem": problem, "fallback": True})
    counts = tally([("attempt", tried)], ())
    assert counts["tailboard_capability_mismatches_total", ("device", problem)] == mismatch
    outcome = "failed" if problem else "answered"
    assert counts["tailboard_attempts_total", ("device", "down", outcome)] == 1
    assert counts["tailboard_fallbacks_total", ("device", outcome)] == 1


def test_what_no_list_knows_of_the_audit_is_unlisted() -> None:
    text = '{"act": "inference", "kind": "Ms Harrington", "route": "Mill Lane", "ended": "x", "upstream": ""}'
    assert counts_of([(1, "", "", text)]) == {("tailboard_gateway_tasks_total", (UNLISTED,) * 3): 1}


async def test_metrics_are_of_each_organisation(server: Server, laptop: Laptop) -> None:
    server.office.add_tenant("other", "Other")
    await laptop.sync()
    tenants = {labels[0] for _, labels in read_store(server.office.service)}
    assert tenants == {TENANT, "other"}
    assert {labels[0] for _, labels in read_store(server.office.service, "other")} == {"other"}
