"""The consent that lets a question run, if one is all that is missing: given with the words that say where it goes.

A consent for one question is for the task's id, under which the question leaves or waits, and for nothing else. If
the question can only wait, the consent holds for as long as it may wait.
"""

from dataclasses import dataclass
from datetime import timedelta

from device.assist.scout import UNHEARD, Scout
from device.consents import LIFE, Scope
from device.core.what_if import SUPPOSED
from device.errors import LocalError
from device.routes import Question, permitted
from device.workbench import Workbench
from shared.commands.assist_request import TaskRequested
from shared.consent import Consent, Reach
from shared.ids import id_of
from shared.routing import Boundary, DataClass, Decision, Obstacle, Route


@dataclass(frozen=True, slots=True)
class Offer:
    """What a person is asked before anything leaves: a consent is all that is missing.

    Args:
        target: the place that it would go to.
        data_class: of everything that would leave.
        found: what of it made it that class.
        leaves: exactly the words that would leave, of the question, its job and the manuals.
        pages: the pages of manuals among them, in words.
        disclosure: what would be decided then, in the words of the policies.
        waits: whether it would wait for that place instead of running now.
        lives: the reaches that can be agreed to, and how long each consent would hold.
    """

    target: Boundary
    data_class: DataClass
    found: tuple[str, ...]
    leaves: str
    pages: tuple[str, ...]
    disclosure: str
    waits: bool
    lives: dict[Reach, timedelta]


class Agreement:
    """Gives what a question lacks, and nothing else."""

    def __init__(self, bench: Workbench, scout: Scout) -> None:
        self._bench, self._scout = bench, scout

    def reach(self, question: Question, reach: Reach, job: str | None) -> Consent | None:
        """Give the consent that would let the question run; None if it runs, or may, without.

        Raises:
            LocalError: a consent would not help, or one for a job was asked for without a job, or the person said
                never to that place.
        """
        draft = self._scout.look(question)
        if permitted(draft) or _may_be_asked(draft):
            return None  # nothing is widened for nothing; whether it can go there is asked next
        if (opened := self._opened(question, draft)) is None:
            raise LocalError(f"A consent would not help: {draft.reason}. {draft.advice}".strip())
        target, then = opened
        return self._give(question, then, target, reach, job)

    def offer(self, question: Question, job: str | None, pages: tuple[str, ...]) -> Offer | None:
        """What a consent would let leave; None if the question runs without, none would help, or never was said."""
        routes, draft = self._bench.routes, self._scout.look(question)
        opened = None if permitted(draft) else self._opened(question, draft)
        if opened is None or opened[0] in routes.consents.nevers():
            return None
        target, then = opened
        waits = then.route is Route.QUEUE
        reaches: tuple[Reach, ...] = ("once", "job") if job else ("once",)
        lives = {reach: _life_of(reach, waits=waits) for reach in reaches}
        found = routes.classified(question).reasons()
        return Offer(target, then.data_class, found, question.words, pages, _told(then), waits, lives)

    def _opened(self, question: Question, draft: Decision) -> tuple[Boundary, Decision] | None:
        """The first place that a consent alone would open, and what would be decided then."""
        for target in _lacking(draft):
            then = self._then(question, draft, target)
            if target in (*permitted(then), *then.waits_for):
                return target, then
        return None

    def _then(self, question: Question, draft: Decision, target: Boundary) -> Decision:
        """What would be decided with the consent; of a place that nothing is known of, the best is supposed."""
        unheard = () if target in draft.request.known else (target,)
        return self._scout.at_best(question, draft, unheard, target)

    def _give(self, question: Question, then: Decision, target: Boundary, reach: Reach, job: str | None) -> Consent:
        if reach == "job" and job is None:
            raise LocalError("A consent for a job needs the job: add --job WO-1042, or say --consent once.")
        conversation = id_of(job) if reach == "job" and job else str(question.task)
        waits = reach == "once" and then.route is Route.QUEUE
        return self._bench.routes.consents.give(
            Scope(target, then.data_class, question.purpose, reach, conversation),
            told=_told(then),
            bundle_version=then.bundle_version,
            life=_life_of(reach, waits=waits),
        )


def _told(then: Decision) -> str:
    """The words of disclosure; of a place that nothing is known of, no model is named."""
    return then.disclosure.replace(f" by {SUPPOSED}", " by a model of its own")


def _life_of(reach: Reach, *, waits: bool) -> timedelta:
    """How long it holds: for a question that waits, as long as it may."""
    return TaskRequested.kind.lifetime if waits and reach == "once" else LIFE[reach]


def _lacking(draft: Decision) -> list[Boundary]:
    """The places that a consent alone would open."""
    return [each.route for each in draft.why_not if each.obstacle is Obstacle.NEEDS_CONSENT]


def _may_be_asked(draft: Decision) -> bool:
    """Whether it may go somewhere already, and only nobody has asked what that place can do."""
    elsewhere = {each.obstacle for each in draft.why_not if each.route is not Route.DEVICE}
    return not _lacking(draft) and not UNHEARD.isdisjoint(elsewhere)
