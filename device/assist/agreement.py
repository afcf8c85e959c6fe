"""The consent that lets a question run, if one is all that is missing: given with the words that say where it goes.

A consent for one question is for the task's id, under which the question leaves or waits, and for nothing else. If
the question can only wait, the consent holds for as long as it may wait.
"""

from device.assist.scout import UNHEARD, Scout
from device.consents import Scope
from device.errors import LocalError
from device.routes import Question, permitted
from device.workbench import Workbench
from shared.commands.assist_request import TaskRequested
from shared.consent import Consent, Reach
from shared.ids import id_of
from shared.routing import Boundary, Decision, Obstacle, Route


class Agreement:
    """Gives what a question lacks, and nothing else."""

    def __init__(self, bench: Workbench, scout: Scout) -> None:
        self._bench, self._scout = bench, scout

    def reach(self, question: Question, reach: Reach, job: str | None) -> Consent | None:
        """Give the consent that would let the question run; None if it runs, or may, without.

        Raises:
            LocalError: a consent would not help, or one for a job was asked for without a job.
        """
        draft = self._scout.look(question)
        if permitted(draft) or _may_be_asked(draft):
            return None  # nothing is widened for nothing; whether it can go there is asked next
        for target in _lacking(draft):
            then = self._then(question, draft, target)
            if target in (*permitted(then), *then.waits_for):
                return self._give(question, then, target, reach, job)
        raise LocalError(f"A consent would not help: {draft.reason}. {draft.advice}".strip())

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
            told=then.disclosure,
            bundle_version=then.bundle_version,
            life=TaskRequested.kind.lifetime if waits else None,
        )


def _lacking(draft: Decision) -> list[Boundary]:
    """The places that a consent alone would open."""
    return [each.route for each in draft.why_not if each.obstacle is Obstacle.NEEDS_CONSENT]


def _may_be_asked(draft: Decision) -> bool:
    """Whether it may go somewhere already, and only nobody has asked what that place can do."""
    elsewhere = {each.obstacle for each in draft.why_not if each.route is not Route.DEVICE}
    return not _lacking(draft) and not UNHEARD.isdisjoint(elsewhere)
