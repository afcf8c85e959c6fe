"""Questions that were left for the cluster, as their author's laptop sees them: which there are, and cancelling one.

Rules
1. What was not sent yet is taken back like any other command, and never leaves.
2. What was sent is cancelled by a command of its own: it counts from the moment that the server has it, also for a
   question that waits for an approval or is being worked on.
3. What came to its end cannot be cancelled, and says which end that was.
"""

from dataclasses import dataclass
from typing import Literal

from device.core.interpret import Proposal
from device.errors import LocalError
from device.store import Item, State
from device.words import task_words
from device.workbench import Workbench
from shared.commands.assist_cancelled import TaskCancelled
from shared.commands.assist_request import task_ref
from shared.ids import id_of, kind_of
from shared.records import TASK_ENDS, AssistTask

_UNSENT = frozenset({State.SAVED, State.TURNED})


@dataclass(frozen=True, slots=True)
class Left:
    """A question that was left: the id of its command, what is known of it, and its place in the outbox until then.

    `item` is None once the command is settled.
    """

    id: str
    task: AssistTask
    item: Item | None = None

    @property
    def ended(self) -> bool:
        """Whether it came to its end."""
        return self.task.status in TASK_ENDS

    def words(self) -> str:
        """Where it stands."""
        if self.item is not None and self.item.withdrawal:
            return "was taken back; nothing of it left this laptop"
        if self.item is not None:
            return "is saved on this laptop and not sent yet" if self.item.state in _UNSENT else "is with the server"
        return task_words(self.task)


def left(bench: Workbench, *, everything: bool = False) -> list[Left]:
    """This person's questions that have not come to their end, oldest first; with `everything`, all that are here."""
    unsettled = {item.command.id: item for item in bench.unsettled()}
    found = [
        Left(id_of(record.ref), AssistTask.model_validate(record.fields), unsettled.get(id_of(record.ref)))
        for record in bench.of_kind("assist_task")
    ]
    mine = [each for each in found if each.task.asked_by == bench.identity.actor and not each.ended]
    return sorted(found if everything else mine, key=lambda each: (each.task.asked_at, each.id))


def cancel(bench: Workbench, named: str) -> Literal["withdrawn", "cancelled"]:
    """Give up a question, by the id of its command or its record; how that was done.

    Raises:
        LocalError: there is none, it came to its end already, or it is somebody else's.
    """
    question = _one(bench, id_of(named) if kind_of(named) == "assist_task" else named)
    if question.ended:
        raise LocalError(f"The question {question.words()}. There is nothing to cancel.")
    if question.item is not None and question.item.state in _UNSENT:
        bench.withdraw([question.id])
        return "withdrawn"
    bench.confirm(
        [Proposal(TaskCancelled.kind.name, task_ref(question.id), {}, {})], sentence="cancelled", source="cli"
    )
    return "cancelled"


def _one(bench: Workbench, command: str) -> Left:
    found = next((each for each in left(bench, everything=True) if each.id == command), None)
    if found is None:
        raise LocalError(f"There is no question {command} on this laptop. See: tailboard task list --all")
    return found
