"""Dataclasses that are made by the thousand: frozen to the type checker, plain to the interpreter.

A frozen dataclass assigns each of its fields through `object.__setattr__`, which takes several times as long as a
plain assignment. `@value(frozen=True, slots=True)` reads like any other frozen dataclass, and the type checker
refuses every assignment to one; at run time nothing watches. Only for what is made for every command: the rest is
`dataclass`.

Source: docs/adr/0013-where-the-time-goes.md.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:
    from dataclasses import dataclass

    def value(*, frozen: bool, slots: bool = False):
        """`dataclass` with what `frozen` gives but for the watching: equality and a hash by value."""
        assert frozen, "what may be assigned to is a dataclass"
        return dataclass(slots=slots, unsafe_hash=True)


__all__ = ["value"]
