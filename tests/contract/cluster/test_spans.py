"""Spans: derived from what was recorded, the same each time, sent only where an operator said, without words."""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.commandline import UsageError
from shared.evidence import Attempted, read_told
from shared.spans import Inference, Span, otlp, span_id, trace_of
from shared.trace_spans import Known, spans_of
from sync_server.cluster.keeping import write_down
from sync_server.settings import read_settings
from sync_server.telemetry.exporting import Exporter
from sync_server.telemetry.readings import read_store
from sync_server.telemetry.server_spans import engines_of
from tests.contract.cluster.test_evidence import CANARY, JOB, WORDS, Told, told
from tests.served import TENANT, in_place

__all__ = ["told"]
ENDPOINT = "http://collector:4318"


@dataclass
class Collector:
    """A collector that answers as a test says, and remembers what it took."""

    answer: httpx.Response | Exception | None = None
    asked: list[httpx.Request] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is not None:
            return self.answer
        for each in json.loads(request.content)["resourceSpans"]:
            self.taken += [span for scope in each["scopeSpans"] for span in scope["spans"]]
        return httpx.Response(200, json={"partialSuccess": {}})


def exporter(told: Told, collector: Collector) -> Exporter:
    way = httpx.AsyncClient(transport=httpx.MockTransport(collector))
    engines = engines_of(told.stage.parts.gateway.cluster)
    return Exporter(told.server.office.service, way, ENDPOINT, engines, in_place)


async def used(told: Told) -> None:
    await told.ask()
    await told.ask(CANARY, purpose="answer", consent="job")
    await told.ask(CANARY, job=None)
    await told.settle()
    gateway, reception = told.stage.parts.gateway, told.stage.parts.reception
    while await write_down(gateway, reception, in_place):
        pass
    told.server.clock.move(timedelta(minutes=2))


def attributes(span: dict[str, Any]) -> dict[str, Any]:
    return {each["key"]: next(iter(each["value"].values())) for each in span["attributes"]}


async def test_what_a_laptop_did_and_what_the_server_did_for_it_is_one_trace(told: Told) -> None:
    await used(told)
    collector = Collector()
    await exporter(told, collector).step()
    assert {str(each.url) for each in collector.asked} == {f"{ENDPOINT}/v1/traces"}
    sent = [read_told(each.kind, each.told) for each in told.device.workbench.routes.evidence.traces(0, 100)]
    tasks = {each.task for each in sent if isinstance(each, Attempted) and each.task}
    assert len(tasks) == 2
    for task in tasks:
        of_it = [each for each in collector.taken if each["traceId"] == trace_of(task)]
        assert Counter(each["name"] for each in of_it) == {"route": 1, "chat": 1, "chat m": 1}
        route, tried = (next(each for each in of_it if each["name"] == name) for name in ("route", "chat"))
        assert tried["parentSpanId"] == route["spanId"]
    server = next(each for each in collector.taken if each["name"] == "chat m")
    said = attributes(server)
    assert said["gen_ai.operation.name"] == "chat"
    assert (said["gen_ai.request.model"], said["gen_ai.response.model"]) == ("m", "m")
    assert int(said["gen_ai.usage.input_tokens"]) > 0
    assert (said["server.address"], int(said["server.port"])) == ("one", 80)
    assert server["kind"] == 3


async def test_no_span_holds_words_or_names(told: Told, tmp_path: Path) -> None:
    await used(told)
    collector = Collector()
    await exporter(told, collector).step()
    own = otlp(told.device.workbench.routes.evidence.spans(), {"service.name": "tailboard-device"})
    text = json.dumps([collector.taken, own])
    for word in (*WORDS, "okafor", JOB.partition("/")[2], told.device.identity.device):
        assert word not in text, word
    keys = {pair["key"] for each in collector.taken for pair in each["attributes"]}
    assert not keys & {"gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"}


async def test_the_same_records_give_the_same_spans(told: Told) -> None:
    await used(told)
    evidence = told.device.workbench.routes.evidence
    assert evidence.spans() == evidence.spans()
    assert len({each.id for each in evidence.spans()}) == len(evidence.spans())


async def test_spans_wait_for_a_collector_that_is_not_there_and_come_once(told: Told) -> None:
    await used(told)
    for answer in (httpx.ConnectError("down"), httpx.Response(503), httpx.Response(429)):
        collector = Collector(answer)
        await exporter(told, collector).step()
        assert len(collector.asked) == 1  # nothing more is tried in this turn
    collector = Collector()
    sends = exporter(told, collector)
    await sends.step()
    number = len(collector.taken)
    assert number >= 7
    assert len({each["spanId"] for each in collector.taken}) == number
    await sends.step()
    await exporter(told, collector).step()  # after a restart
    assert len(collector.taken) == number
    assert read_store(told.server.office.service)["tailboard_spans_exported_total", (TENANT,)] == number


@pytest.mark.parametrize(
    ("answer", "rejected"),
    [
        (httpx.Response(200, json={"partialSuccess": {"rejectedSpans": "1"}}), 2),
        (httpx.Response(200, text="<html>"), 0),
        (httpx.Response(302, headers={"location": "http://elsewhere/"}), None),
        (httpx.Response(400), None),
    ],
)
async def test_what_is_refused_for_good_is_counted_and_passed_over(
    told: Told, answer: httpx.Response, rejected: int | None
) -> None:
    await used(told)
    collector = Collector(answer)
    sends = exporter(told, collector)
    await sends.step()
    assert {each.url.host for each in collector.asked} == {"collector"}
    asked = len(collector.asked)
    await sends.step()
    assert len(collector.asked) == asked
    spans = sum(
        len(json.loads(each.content)["resourceSpans"][0]["scopeSpans"][0]["spans"]) for each in collector.asked
    )
    counted = read_store(told.server.office.service).get(("tailboard_spans_rejected_total", (TENANT,)), 0)
    assert counted == (spans if rejected is None else rejected)


def test_a_collector_is_named_by_a_variable_of_our_own() -> None:
    assert read_settings({"OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT}, home="x").otlp is None
    assert read_settings({"TAILBOARD_SERVER_OTLP": ENDPOINT}, home="x").otlp == ENDPOINT
    with pytest.raises(UsageError, match="the address of a collector"):
        read_settings({"TAILBOARD_SERVER_OTLP": "collector:4318"}, home="x")


# -- shapes


AT = datetime(2026, 5, 1, 8, tzinfo=UTC)
REF = f"k{'0' * 32}"


def test_a_span_is_written_as_the_standard_says() -> None:
    exchange = Inference("vllm", "m-7b", address=("gpu", 8000), tokens_down=5, first_token_s=0.25, error="no_answer")
    made = Span(
        trace="0" * 31 + "1",
        id="0" * 15 + "2",
        parent="0" * 15 + "3",
        name=exchange.name,
        kind="client",
        begun_at=AT,
        ended_at=AT + timedelta(seconds=1.5),
        attributes=exchange.attributes(),
        error="no_answer",
    )
    (written,) = otlp([made], {"service.name": "x"})["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert written["name"] == "chat m-7b"
    assert (written["startTimeUnixNano"], written["endTimeUnixNano"]) == (
        str(int(AT.timestamp()) * 10**9),
        str(int(AT.timestamp()) * 10**9 + 1_500_000_000),
    )
    assert written["status"] == {"code": 2}
    assert {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "5"}} in written["attributes"]
    assert {"key": "gen_ai.response.time_to_first_chunk", "value": {"doubleValue": 0.25}} in written["attributes"]
    assert {"key": "error.type", "value": {"stringValue": "no_answer"}} in written["attributes"]
    assert "gen_ai.response.model" not in attributes(written)


def test_a_try_on_the_laptop_is_no_call_to_anybody() -> None:
    tried = Attempted.model_validate(
        {"decision": REF, "route": "device", "data_class": "internal", "link": "down", "took_s": 2.0, "tokens": 7}
    )
    (span,) = spans_of([Known("ab" * 32, AT.isoformat(), "attempt", tried)], {"ab" * 32: "small-q4"})
    assert (span.kind, span.name, span.begun_at) == ("internal", "chat small-q4", AT - timedelta(seconds=2))
    assert (span.trace, span.parent) == (trace_of(REF), span_id("decision", REF))


@pytest.mark.parametrize("task", ["", "T-1", "00000000-0000-0000-0000-000000000000", "x" * 32, "é" * 32])
def test_any_task_has_a_trace(task: str) -> None:
    found = trace_of(task)
    assert len(found) == 32
    assert not set(found) - set("0123456789abcdef")
    assert set(found) != {"0"}
