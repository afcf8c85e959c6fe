"""Answers of the last minutes, for who asks again because the first answer was lost on the way.

Rules
1. A task runs once at a time. The same bytes again, while it runs, are told to wait; afterwards they get the answer
   that there was, and no model is asked.
2. Answers are in memory only, for a while and up to a count and a size: what a model said is not written down here.
"""

from collections import OrderedDict

from shared.assist import Answer
from shared.problems import Code, Refused

KEPT_S = 600.0
KEPT_MAX = 512
KEPT_CHARS_MAX = 8 << 20
_Key = tuple[str, str]


class Recent:
    """What runs, and what was answered."""

    def __init__(self) -> None:
        self._running: set[_Key] = set()
        self._answers: OrderedDict[_Key, tuple[float, Answer]] = OrderedDict()
        self._chars = 0

    def begin(self, tenant: str, task: str, now_s: float) -> Answer | None:
        """The answer that there was; None if the task runs from now on. Raises `Refused`: `task_running`."""
        key = (tenant, task)
        if key in self._running:
            raise Refused(Code.TASK_RUNNING, f"task {task}", 2)
        self._forget(now_s)
        if key in self._answers:
            return self._answers[key][1]
        self._running.add(key)
        return None

    def end(self, tenant: str, task: str, now_s: float, answer: Answer | None = None) -> None:
        """The task runs no more; `answer` is kept if there is one."""
        self._running.discard((tenant, task))
        if answer is not None and len(answer.text) < KEPT_CHARS_MAX:
            self._answers[tenant, task] = (now_s + KEPT_S, answer)
            self._chars += len(answer.text)
            self._forget(now_s)

    def _forget(self, now_s: float) -> None:
        while self._answers:
            key, (until_s, answer) = next(iter(self._answers.items()))
            if now_s < until_s and len(self._answers) <= KEPT_MAX and self._chars <= KEPT_CHARS_MAX:
                return
            del self._answers[key]
            self._chars -= len(answer.text)
