"""What is asked and what is known: questions that wait for the cluster, documents."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from shared.assist import Answer
from shared.attachments import MediaType
from shared.contract import CommandId, Hash, Instant, Name, RecordRef
from shared.records.rules import Body, FileName, Merge, Rule
from shared.routing import DataClass, Line, Purpose, Route, Tier

#: The longest question that may wait for the cluster, and the longest answer that a laptop is given, in characters:
#: both lie in a record that is carried to every laptop in its scope.
QUESTION_CHARS_MAX, ANSWER_CHARS_MAX = 16_000, 32_000
#: So many pages an answer may rest on, at most.
CITATIONS_MAX = 32


class TaskStatus(StrEnum):
    """The life of a question that waits for the cluster. `RUNNING` may go back to `QUEUED`: it is tried again."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"
    REFUSED = "refused"
    CANCELLED = "cancelled"


#: From these a question goes nowhere any more.
TASK_ENDS = frozenset(TaskStatus) - {TaskStatus.QUEUED, TaskStatus.RUNNING}


def _fits(answer: Answer) -> Answer:
    if len(answer.text) > ANSWER_CHARS_MAX or len(answer.citations) > CITATIONS_MAX:
        raise ValueError(f"an answer has at most {ANSWER_CHARS_MAX} characters and {CITATIONS_MAX} citations")
    return answer


class AssistTask(Body):
    """A question that waits for the cluster, about `record`; its id is the id of the command that asked it.

    `data_class` is what its author's laptop found it to be, None if nobody could tell. `decision`, `bundle_version`
    and `route` are the server's last decision about it, with `detail` for its author where it did not run: why, and
    what can be done. `attempts` counts how often it went to the cluster. A `truncated` answer was longer than a
    record may be.
    """

    record: Annotated[RecordRef, Rule(Merge.REGISTER)]
    command: Annotated[CommandId, Rule(Merge.REGISTER)]
    question: Annotated[
        str, Rule(Merge.REGISTER, DataClass.PERSONAL), Field(min_length=1, max_length=QUESTION_CHARS_MAX)
    ]
    purpose: Annotated[Purpose, Rule(Merge.REGISTER)]
    data_class: Annotated[DataClass | None, Rule(Merge.REGISTER)] = None
    conversation: Annotated[Name | None, Rule(Merge.REGISTER)] = None
    tier: Annotated[Tier, Rule(Merge.REGISTER)] = Tier.BASIC
    output_tokens: Annotated[int, Rule(Merge.REGISTER), Field(ge=1)] = 256
    asked_by: Annotated[Name, Rule(Merge.REGISTER, DataClass.PERSONAL)]
    asked_at: Annotated[Instant, Rule(Merge.REGISTER)]
    status: Annotated[TaskStatus, Rule(Merge.TRANSITION)] = TaskStatus.QUEUED
    attempts: Annotated[int, Rule(Merge.REGISTER), Field(ge=0)] = 0
    decision: Annotated[Hash | None, Rule(Merge.REGISTER)] = None
    bundle_version: Annotated[Line, Rule(Merge.REGISTER)] = ""
    route: Annotated[Route | None, Rule(Merge.REGISTER)] = None
    detail: Annotated[Line, Rule(Merge.REGISTER)] = ""
    answer: Annotated[Annotated[Answer, AfterValidator(_fits)] | None, Rule(Merge.REGISTER, DataClass.PERSONAL)] = (
        None
    )
    truncated: Annotated[bool, Rule(Merge.REGISTER)] = False
    team: Annotated[Name | None, Rule(Merge.REGISTER)] = None


class DocumentStatus(StrEnum):
    """Whether a document may be answered from."""

    IN_FORCE = "in_force"
    WITHDRAWN = "withdrawn"


class Document(Body):
    """A manual, a drawing's text or a procedure that laptops carry and answer from. Its bytes travel apart.

    `sha256` and `size` (bytes) name the bytes of `revision`; `data_class` is that of every word in it. Past
    `valid_until`, the last day on which it counts, it is still shown, and said to be out of date. `reason` says why
    it was withdrawn.
    """

    title: Annotated[str, Rule(Merge.REGISTER), Field(min_length=1, max_length=120)]
    file: Annotated[FileName, Rule(Merge.REGISTER)]
    media_type: Annotated[MediaType, Rule(Merge.REGISTER)]
    sha256: Annotated[Hash, Rule(Merge.REGISTER)]
    size: Annotated[int, Rule(Merge.REGISTER), Field(ge=1)]
    revision: Annotated[str, Rule(Merge.REGISTER), Field(min_length=1, max_length=40)]
    data_class: Annotated[DataClass, Rule(Merge.REGISTER)] = DataClass.INTERNAL
    valid_until: Annotated[date | None, Rule(Merge.REGISTER)] = None
    status: Annotated[DocumentStatus, Rule(Merge.TRANSITION)] = DocumentStatus.IN_FORCE
    reason: Annotated[str, Rule(Merge.NEWEST), Field(max_length=400)] = ""
    team: Annotated[Name | None, Rule(Merge.REGISTER)] = None
