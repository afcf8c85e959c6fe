"""The manuals' part in a question: what goes along, what is said of what comes back, and quoting them alone.

Rules
1. Only what stands in the passages that went along is said, with the places, whoever wrote it.
2. Quoting the manuals needs no model and moves nothing, so that it is done wherever nothing else may, or can, answer.
3. Who quotes instead of this laptop's model says so first: that is what happened. What the decision disclosed stands
   behind it as what was decided, and none of it is taken back.
"""

from device.assist.attempt import Task
from device.assist.following import Checks
from device.library.answering import Answering, Context, Given
from device.workbench import Workbench
from shared.assist import Answer
from shared.routing import LINE_CHARS_MAX, Decision, Purpose, Route, Tier, highest

#: What stands where a model's name would, if none was asked.
QUOTED = "no model: quoted from the manuals"
_INSTEAD = "No model was asked: this is quoted from the manuals on this laptop."
_DECIDED = " Decided before: “{}”"
_STAYED = "Nothing left it."


def retrieved(
    bench: Workbench, answering: Answering | None, text: str, *, job: str | None, purpose: Purpose
) -> Context | None:
    """What the manuals on this laptop have about a question; None if it is not about them, or there are none."""
    if answering is None or purpose != "answer" or not text.strip() or not answering.ready():
        return None
    order = bench.record(job) if job else None
    assets = bench.of_kind("asset")
    asset = next((each for each in assets if order and each.ref == order.fields["asset"]), None)
    return answering.look(text, asset, assets)


def checked(answering: Answering | None, task: Task, answer: Answer) -> Answer:
    """`answer` with what may be said of it: all of it, if there are no manuals that it was asked about."""
    if task.context is None or answering is None or answer.model == QUOTED:
        return answer
    given: Given = answering.grounded(task.context, answer.text)
    given = given if given.citations else answering.extracted(task.context)
    return answer.model_copy(update={"text": given.text, "citations": given.citations})


def checks(answering: Answering | None, task: Task) -> Checks | None:
    """What tells how much of an answer may be said while it is written; None if nothing of it is checked."""
    context = task.context
    if context is None or answering is None:
        return None

    def told(written: str) -> str:
        given = answering.grounded(context, written)
        return given.text if given.citations else ""

    return told


def quoted(answering: Answering, task: Task, context: Context) -> Answer:
    """The manuals' own words, in place of what this laptop's model would have written."""
    given = answering.extracted(context)
    return Answer(
        task=task.id,
        text=given.text,
        citations=given.citations,
        route=Route.DEVICE,
        model=QUOTED,
        runtime="tailboard",
        tier=Tier.BASIC,
        data_class=highest(task.decision.data_class),
        decision=task.decision.hash,
        bundle_version=task.decision.bundle_version,
        took_s=0,
        tokens=0,
        disclosure=_disclosed(task.decision),
    )


def apart(task: Task) -> str:
    """What is disclosed where the manuals are quoted because the question ran nowhere."""
    return _INSTEAD if task.moved else f"{_INSTEAD} {_STAYED}"


def _disclosed(decision: Decision) -> str:
    """That the manuals were quoted; and the decision's own words, where it chose this laptop."""
    if decision.route is not Route.DEVICE:
        return _INSTEAD
    room = LINE_CHARS_MAX - len(_INSTEAD) - len(_DECIDED.format(""))
    return _INSTEAD + _DECIDED.format(decision.disclosure[:room])
