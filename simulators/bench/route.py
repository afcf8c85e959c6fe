"""How long a decision takes beside the policy engine's own calls, and how long a text takes to be classified.

The floor of `decide` is the median of three bare engine calls, one for each candidate, with the questions that the
decision itself asks, policies and schema parsed once; floor and value alternate, and both ask the engine every time.
`decide_again` is a decision on facts for which the engine has answered before (`policies.answers`). What is timed is
the clock on the wall; `decide_cpu_p99` is the processor's time alone, without what else the machine does. The floor
of `classify` is one pass of a regular expression that only counts the words of the same text.
"""

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from statistics import median, quantiles
from typing import Any

import cedarpy

from policies.boundary import Question, questions
from policies.bundle import FILES, Bundle, parse_bundle
from policies.classify import classify, vocabulary
from policies.route import choose
from shared.routing import Boundary, Capability, DataClass, Link, Route, RouteRequest, Tier
from simulators.bench.figures import figure

AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
NOTE = "Replaced inlet filter on pump 7, pressure now 4.2 bar, told Amara Okafor on 020 7946 0958, job WO-1042 done. "
#: Names in an organisation of some size.
NAMES = 2000


@dataclass(frozen=True, slots=True)
class Turns:
    """Seconds on the wall and of the processor, one of each for every turn."""

    wall: list[float]
    cpu: list[float]


def measure(decisions: int) -> dict[str, dict[str, Any]]:
    """Decisions over `decisions` turns, `classify` over 4,000 characters, in microseconds."""
    bundle, request = _bundle(), _request()
    asked = _bare_questions(bundle, request)

    def bare() -> None:
        for question in asked:
            cedarpy.is_authorized(question, bundle.policy_set, [], bundle.schema)

    floors, turns = _in_turns(bare, lambda: choose(replace(bundle), request, AT), decisions)  # which has no answers
    _, again = _in_turns(bare, lambda: choose(bundle, request, AT), decisions // 10)
    floor = median(floors.wall)
    return {
        "decide": figure(median(turns.wall), "µs", floor),
        "decide_p99": figure(_p99(turns.wall), "µs", floor),
        "decide_cpu_p99": figure(_p99(turns.cpu), "µs", median(floors.cpu)),
        "decide_again": figure(median(again.wall), "µs", floor),
        "bare_p99": figure(_p99(floors.wall), "µs", floor),
        **_classifier(bundle, max(decisions // 10, 10)),
    }


def _classifier(bundle: Bundle, turns: int) -> dict[str, dict[str, Any]]:
    people = [f"Person{number} Name{number}" for number in range(NAMES)]
    known = vocabulary(bundle.rules.classifier, people=people, customers=people, ids=[f"C-{n}" for n in range(NAMES)])
    text = (NOTE * 40)[:4000]
    words = re.compile(r"\w+")
    floors, measured = _in_turns(
        lambda: len(words.findall(text)), lambda: classify(text, known, declared=DataClass.INTERNAL), turns
    )
    return {"classify": figure(median(measured.wall), "µs", median(floors.wall))}


def _in_turns(floor: Callable[[], object], work: Callable[[], object], turns: int) -> tuple[Turns, Turns]:
    floor(), work()
    timed: tuple[Turns, Turns] = (Turns([], []), Turns([], []))
    for _ in range(turns):
        for into, call in zip(timed, (floor, work), strict=True):
            began, spent = time.perf_counter(), time.process_time()
            call()
            into.cpu.append((time.process_time() - spent) * 1e6)
            into.wall.append((time.perf_counter() - began) * 1e6)
    return timed


def _p99(values: Sequence[float]) -> float:
    return quantiles(values, n=100)[-1]


def _bare_questions(bundle: Bundle, request: RouteRequest) -> list[dict[str, Any]]:
    """The questions of the decision, with their contexts as the engine's own interface takes them."""
    made = questions(bundle, Question(request, DataClass.INTERNAL, interactive=True), AT)
    return [{**each, "context": json.loads(str(each["context"]))} for each in made]


def _bundle() -> Bundle:
    folder = resources.files("policies.default")
    return parse_bundle({name: (folder / name).read_text(encoding="utf-8") for name in FILES})


def _request() -> RouteRequest:
    fresh: dict[str, Any] = {
        "runtime": "bench",
        "tokens_per_s": 50,
        "measured_at": AT,
        "expires_at": AT + timedelta(minutes=5),
    }
    known: dict[Boundary, Capability] = {
        Route.DEVICE: Capability(model="small", tier=Tier.BASIC, context_tokens=4096, **fresh),
        Route.PRIVATE_CLUSTER: Capability(model="large", tier=Tier.HIGH, context_tokens=32_768, **fresh),
        Route.MANAGED_CLOUD: Capability(model="managed", tier=Tier.HIGH, context_tokens=200_000, **fresh),
    }
    return RouteRequest(
        tenant="bench",
        device="TB-01",
        actor="tester",
        purpose="answer",
        conversation="WO-1",
        data_class=DataClass.INTERNAL,
        input_chars=400,
        within_s=30,
        device_approved=True,
        link=Link.UP,
        known=known,
    )
