"""What a person typed, as a question: with what of its job goes along, and the class that it is declared to be."""

from device.core.asking import composed, field_classes, with_passages
from device.errors import LocalError
from device.library.answering import Context
from device.routes import Question
from device.workbench import Workbench
from shared.ids import id_of
from shared.routing import DataClass, Purpose, highest

OUTPUT_TOKENS = 128


def about(
    bench: Workbench,
    text: str,
    *,
    job: str | None,
    purpose: Purpose = "answer",
    declared: DataClass | None = None,
    task: str | None = None,
    context: Context | None = None,
) -> Question:
    """`text` as a question, with what of its job goes along.

    Args:
        bench: where jobs are known.
        text: what the person typed.
        job: a reference to the work order that it is about.
        purpose: what it is for.
        declared: what the person says of its class, instead of what the policies take words for.
        task: the id under which it may leave.
        context: what the manuals have about it (`device.assist.quoting.retrieved`); it goes along.

    Raises:
        LocalError: there is no such job here, or nothing was asked.
    """
    if not text.strip():
        raise LocalError("There is no question. Type it in quotes.")
    order = bench.record(job) if job else None
    asset = bench.view().records.get(str(order.fields["asset"])) if order else None
    typed = declared or bench.routes.bundle.rules.words.data_class
    return Question(
        purpose,
        with_passages(composed(text, order, asset), context.passages if context else ""),
        highest(typed, *field_classes(order, asset), *(context.classes if context else ())),
        conversation=id_of(job) if job else task,
        task=task,
        output_tokens=OUTPUT_TOKENS,
    )
