"""What waits on what: the blast radius of a decision, listed before it is made.

Rules
1. What waits on a command waits also on that command's conflict and on its approval.
2. An approval holds its own command too; a conflict does not, because its command is settled.
3. Everything comes after what it waits for itself, otherwise in the order given. Commands that wait for each other in
   a ring, which no honest device makes, are listed all the same, at the end.
4. What waits in a ring would wait for ever. The ring is found when its last link is held, and can be named.
"""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping

from shared.ids import id_of, kind_of


def dependants(root: str, waiting: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Every command that waits on `root`, directly or not.

    Args:
        root: a command id, or a reference to a conflict or an approval.
        waiting: command id → ids of the commands that it needs, for every command that is not settled.
    """
    command = id_of(root) or root
    held = _reached(command, waiting) - {command}
    if kind_of(root) == "approval" and command in waiting:
        held |= {command}
    return tuple(_in_order([each for each in waiting if each in held], waiting))


def ring(command: str, waiting: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """The shortest ring in which `command` waits for itself: it, what it needs, and so on; empty if there is none.

    Args:
        command: a command id.
        waiting: command id → ids of the commands that it needs, for all that can be reached from it.
    """
    before: dict[str, str] = {}
    ahead = deque([command])
    while ahead:
        at = ahead.popleft()
        for need in sorted(waiting.get(at, ())):
            if need == command:
                return tuple(_way_back(at, before))[::-1]
            if need not in before:
                before[need] = at
                ahead.append(need)
    return ()


def _way_back(at: str, before: Mapping[str, str]) -> Iterator[str]:
    yield at
    while at in before:
        at = before[at]
        yield at


def _reached(root: str, waiting: Mapping[str, Iterable[str]]) -> set[str]:
    behind: defaultdict[str, list[str]] = defaultdict(list)
    for command, needs in waiting.items():
        for need in needs:
            behind[need].append(command)
    reached, ahead = {root}, [root]
    while ahead:
        new = [each for each in behind[ahead.pop()] if each not in reached]
        reached.update(new)
        ahead.extend(new)
    return reached


def _in_order(held: Collection[str], waiting: Mapping[str, Iterable[str]]) -> list[str]:
    left = {command: set(waiting[command]) & set(held) for command in held}
    placed: list[str] = []
    while left:
        ready = [command for command, needs in left.items() if not needs] or [next(iter(left))]
        for command in ready:
            del left[command]
        for needs in left.values():
            needs.difference_update(ready)
        placed += ready
    return placed
