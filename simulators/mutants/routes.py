"""Bugs of what decides where a question may run. The names that they spoil are given as text: nothing here fits."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from device.consents import Consents
from device.routes import Routes
from policies import boundary, ranking, route
from policies.boundary import Verdict
from shared.routing import BOUNDARIES, DataClass, Obstacle
from simulators.mutants.base import put


def consent_ignored() -> None:
    """Whoever asks has agreed."""
    put(route, "counting", lambda *_: dict.fromkeys(BOUNDARIES, ("anybody",)))


def revocation_ignored() -> None:
    """Once agreed is agreed."""

    def nothing(_: Consents) -> Iterator[Any]:
        return iter(())

    put(Consents, "_taken_back", nothing)


def errors_permit() -> None:
    """A policy that cannot be evaluated forbids nothing."""
    verdict = vars(boundary)["_verdict"]

    def lenient(*arguments: Any) -> Verdict:
        told: Verdict = verdict(*arguments)
        erred = told.obstacle is Obstacle.POLICY_ERROR
        return replace(told, permitted=True, obstacle=None) if erred else told

    put(boundary, "_verdict", lenient)


def a_fact_is_missing() -> None:
    """The policies ask for a fact that nobody states. No bug: what errs is denied."""
    contexts = vars(boundary)["_contexts"]

    def short(*arguments: Any) -> list[dict[str, Any]]:
        asked: list[dict[str, Any]] = contexts(*arguments)
        return [{name: fact for name, fact in each.items() if name != "consented"} for each in asked]

    put(boundary, "_contexts", short)


def stale_is_believed() -> None:
    """What a place could do once, it can do."""

    def ever(self: Routes) -> Any:
        kept = self._store.meta("capabilities")
        told = self._opened(kept.encode()) if kept else None
        return dict(told.places) if told else {}

    look = ranking.look

    def fresh(*arguments: Any) -> Any:
        return replace(look(*arguments), stale=False)

    put(Routes, "_elsewhere", ever)
    put(route, "look", fresh)


def holds_outlive_denials() -> None:
    """A conversation stays where it runs."""
    may_run = vars(route)["may_run"]
    weigh = vars(route)["_weigh"]
    held: list[Any] = []

    def with_hold(bundle: Any, task: Any) -> Any:
        held[:] = [task.steady.held]
        return weigh(bundle, task)

    def lenient(*arguments: Any) -> Any:
        told = may_run(*arguments)
        return {
            place: replace(each, permitted=True, obstacle=None) if place in held else each
            for place, each in told.items()
        }

    put(route, "_weigh", with_hold)
    put(route, "may_run", lenient)


def conversations_forget() -> None:
    """Every question is judged by itself."""
    put(Routes, "_conversation_class", lambda *_: DataClass.PUBLIC)


def declared_is_believed() -> None:
    """What somebody says of their words is what they are."""
    classified = Routes.classified

    def as_said(self: Routes, question: Any) -> Any:
        found = classified(self, question)
        return replace(found, data_class=question.declared or found.data_class)

    put(Routes, "classified", as_said)
