"""What the policy engine answered before, so that it is asked the same thing once.

Cedar's answer is a function of the policies, the schema, the entities and the request: no clock, no state, no order.
Here the entities are always none, and a bundle never changes. What is left is the request, and of its context only
what a policy reads can matter; the types that the schema checks are the same for every question.

Rules
1. Each bundle has answers of its own. One is found again only for the same principal and the same value of every
   attribute of the context that any of its policies names, as ``context.name`` or ``context has name``.
2. A policy that reads the context in any other way reads all of it.
3. Whoever keeps answers keeps none that holds an error.
4. At most `KEPT_MAX` are kept; then all are forgotten.

A decision is never kept: consents, capabilities, clocks and limits are looked at every time, and what comes of them
is among the facts that the policies are asked with.

Source: Cedar policy language, JSON policy format; "Cedar: a new language for expressive, fast, safe, and analyzable
authorization" (2024), section 3: evaluation is deterministic and has no side effects.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

KEPT_MAX = 4096
_CONTEXT = {"Var": "context"}
V = TypeVar("V")


def attributes_read(policies: object) -> frozenset[str] | None:
    """The attributes of the context that `policies`, in Cedar's JSON format, name; None if they may read any."""
    found = frozenset(_reads(policies))
    return None if None in found else frozenset(each for each in found if each is not None)


def _reads(node: object) -> Iterator[str | None]:
    """The names by which a part of a policy reads the context; None for any other way."""
    if node == _CONTEXT:
        yield None
    elif isinstance(node, Mapping):
        for operator, inside in node.items():
            name = _named(operator, inside)
            yield from [name] if name is not None else _reads(inside)
    elif isinstance(node, list):
        for each in node:
            yield from _reads(each)


def _named(operator: str, inside: object) -> str | None:
    """The name in ``context.name`` and in ``context has name``; None for anything else."""
    if operator not in {".", "has"} or not isinstance(inside, Mapping) or inside.keys() != {"left", "attr"}:
        return None
    name = inside["attr"]
    return name if inside["left"] == _CONTEXT and isinstance(name, str) else None


class Answers(Generic[V]):
    """The answers under one bundle, whose policies read `read` of the context; None for all of it."""

    def __init__(self, read: frozenset[str] | None) -> None:
        self._read = None if read is None else tuple(sorted(read))
        self._kept: dict[Hashable, V] = {}

    def key(self, principal: str, contexts: Sequence[Mapping[str, Any]]) -> Hashable:
        """Under which the answer to questions of `principal` with those contexts, in this order, is found."""
        names = self._read
        return principal, *[
            tuple(each.items()) if names is None else tuple([each.get(name) for name in names]) for each in contexts
        ]

    def get(self, key: Hashable) -> V | None:
        """The answer that there was."""
        return self._kept.get(key)

    def keep(self, key: Hashable, answer: V) -> None:
        """Keep an answer without errors."""
        if len(self._kept) >= KEPT_MAX:
            self._kept.clear()
        self._kept[key] = answer
