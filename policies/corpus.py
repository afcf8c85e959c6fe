"""The conformance corpus: a request, and the decision that a bundle must make of it, one readable line a case.

The first line of a corpus states the defaults: organisations with a managed service, the instant, the facts, what
each place can do, and what a consent says. A case names what differs. `why_not` says, for each place that was not
taken, the obstacle and, after a colon, the policies.

A case is only as strict as what it expects: everything in `Expect` is compared.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError

from policies.bundle import Bundle
from policies.route import choose
from shared import strict_json
from shared.contract import Contract, Instant, Name
from shared.routing import Boundary, Decision, Line, Route, RouteRequest, Steady

C = TypeVar("C", bound=Contract)


class BadCorpus(Exception):
    """The corpus cannot be read; the message says which line and why."""


class Defaults(Contract):
    """What holds where a case does not say otherwise."""

    schema_: Literal["tailboard.corpus.v1"] = Field(alias="schema")
    cloud: tuple[Name, ...]
    at: Instant
    facts: dict[str, Any]
    known: dict[Boundary, dict[str, Any]]
    consent: dict[str, Any]


class Expect(Contract):
    """What must come out."""

    route: Route
    fallbacks: tuple[Boundary, ...] = ()
    waits_for: tuple[Boundary, ...] = ()
    policies: tuple[Name, ...] = ()
    why_not: dict[Boundary, Line]


class Case(Contract):
    """One line. `known` changes what a place can do, null takes the place away; `consents` change the default one."""

    name: Line
    at: Instant | None = None
    facts: dict[str, Any] = Field(default_factory=dict)
    known: dict[Boundary, dict[str, Any] | None] = Field(default_factory=dict)
    consents: tuple[dict[str, Any], ...] = ()
    steady: Steady | None = None
    expect: Expect


@dataclass(frozen=True, slots=True)
class Corpus:
    """Defaults and cases."""

    defaults: Defaults
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Miss:
    """A case that came out otherwise: what was expected, what was decided."""

    case: str
    field: str
    expected: object
    decided: object


def read_corpus(text: str) -> Corpus:
    """The corpus in `text`, a JSON object a line. Raises `BadCorpus`."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not lines:
        raise BadCorpus("the corpus is empty; its first line states the defaults")
    defaults = _read(Defaults, *lines[0])
    cases = tuple(_read(Case, number, line) for number, line in lines[1:])
    names = [case.name for case in cases]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadCorpus(f"two cases are called {twice[0]!r}")
    for (number, _), case in zip(lines[1:], cases, strict=True):
        try:
            facts_of(defaults, case)
        except ValidationError as error:
            raise BadCorpus(f"line {number}: {_said(error)}") from error
    return Corpus(defaults, cases)


def _read(kind: type[C], number: int, line: str) -> C:
    try:
        strict_json.parse(line.encode())
        return kind.model_validate_json(line)
    except strict_json.BadJson as error:
        raise BadCorpus(f"line {number}: {error}") from error
    except ValidationError as error:
        raise BadCorpus(f"line {number}: {_said(error)}") from error


def _said(error: ValidationError) -> str:
    found = error.errors()[0]
    return f"{'.'.join(str(part) for part in found['loc'])}: {found['msg']}"


def facts_of(defaults: Defaults, case: Case) -> RouteRequest:
    """The request of `case`. Raises `pydantic.ValidationError` if it is none."""
    known = {
        place: {**stated, **(changes or {})}
        for place, stated in defaults.known.items()
        if (changes := case.known.get(place, {})) is not None
    }
    consents = [{**defaults.consent, **changes} for changes in case.consents]
    facts = {**defaults.facts, "known": known, "consents": consents, **case.facts}
    return RouteRequest.model_validate_json(json.dumps(facts))


def decide_case(bundle: Bundle, defaults: Defaults, case: Case) -> Decision:
    """What `bundle` decides of `case`."""
    rules = bundle.rules
    cloud = rules.cloud.model_copy(update={"tenants": rules.cloud.tenants | set(defaults.cloud)})
    there = replace(bundle, rules=rules.model_copy(update={"cloud": cloud}))
    return choose(there, facts_of(defaults, case), case.at or defaults.at, case.steady)


def outcome_of(decision: Decision) -> Expect:
    """A decision in the words of a corpus."""
    return Expect(
        route=decision.route,
        fallbacks=decision.fallbacks,
        waits_for=decision.waits_for,
        policies=decision.policies,
        why_not={
            each.route: f"{each.obstacle}: {', '.join(each.policies)}" if each.policies else str(each.obstacle)
            for each in decision.why_not
        },
    )


def run_corpus(bundle: Bundle, corpus: Corpus) -> list[Miss]:
    """Every way in which `bundle` does not do what the corpus expects; none if it conforms."""
    return [miss for case in corpus.cases for miss in _misses(bundle, corpus.defaults, case)]


def _misses(bundle: Bundle, defaults: Defaults, case: Case) -> Iterable[Miss]:
    decided = outcome_of(decide_case(bundle, defaults, case))
    for name in Expect.model_fields:
        expected, found = getattr(case.expect, name), getattr(decided, name)
        if expected != found:
            yield Miss(case.name, name, expected, found)
