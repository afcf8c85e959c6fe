"""``assist.request``: a question that may not or cannot run now is left for the cluster, and answered in a record."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, JsonValue

from shared.commands.base import FIELD_AND_STAFF, Command, Creation, Effect, Kind, Payload, Urgency
from shared.contract import Hash, Instant, Name, ReadJson
from shared.ids import kind_of, record_ref
from shared.records import QUESTION_CHARS_MAX
from shared.routing import DataClass, Purpose, Tier

#: The kinds of record that somebody may ask the cluster about.
SUBJECTS = ("work_order", "asset")


class TaskRequested(Payload):
    """`question` about the subject record, and what its author's laptop found out about it.

    The server believes none of that: it decides again before the question goes anywhere. `decision` is the hash of
    the laptop's decision, for the audit; `consents` are envelopes (`shared.consent`) in their wire form. After
    `needed_by`, by its author's clock, nobody needs the answer any more.
    """

    kind = Kind(
        "assist.request",
        1,
        "",
        "Ask the cluster",
        FIELD_AND_STAFF,
        lifetime=timedelta(days=3),
        priority=Urgency.LOW,
        timely=True,
    )

    question: Annotated[str, Field(min_length=1, max_length=QUESTION_CHARS_MAX)]
    purpose: Purpose = "answer"
    data_class: DataClass | None = None
    conversation: Name | None = None
    tier: Tier = Tier.BASIC
    output_tokens: Annotated[int, Field(ge=1, le=8192)] = 256
    needed_by: Instant | None = None
    decision: Hash | None = None
    consents: Annotated[tuple[dict[str, ReadJson], ...], Field(max_length=4)] = ()

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """The task, queued, named after the command, for those who may see what it is about."""
        fields: dict[str, JsonValue] = {
            "record": command.record,
            "command": command.id,
            "question": self.question,
            "purpose": self.purpose,
            "data_class": self.data_class,
            "conversation": self.conversation,
            "tier": self.tier,
            "output_tokens": self.output_tokens,
            "asked_by": command.actor,
            "asked_at": command.issued_at.isoformat(),
        }
        return (Creation(task_ref(command.id), fields, under=command.record),)

    def misplaced(self, record: str) -> str | None:
        """Only some kinds of record are asked about."""
        return None if kind_of(record) in SUBJECTS else f"the cluster is asked about {' or '.join(SUBJECTS)}"

    def summary(self, label: str) -> str:
        """The question itself."""
        return f"{label}: ask the cluster “{self.question}”"


def task_ref(command_id: str) -> str:
    """The record of the task that the command asks for."""
    return record_ref("assist_task", command_id)
