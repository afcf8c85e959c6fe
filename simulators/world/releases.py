"""Older releases: what a host's program does not know yet. All hosts run one interpreter, so it is told by owner.

An old server knows fewer kinds of commands; an old laptop writes a kind in its first schema version. Whether a host
is old is asked at every lookup in the catalogue, so an upgrade is a restart.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

import shared.commands
from device import workbench
from device.core import interpret
from shared.commands.base import Command, Edit, Effect, Payload, Upcaster
from shared.commands.status_changed import StatusChanged
from simulators.hosts import Incarnation
from simulators.loop import OWNER

#: What an older server has never heard of.
NEWER_KINDS = frozenset({"finding.added", "part.ordered", "assist.request"})


class _StatusChanged(StatusChanged):
    """``status.changed`` as it was at first, without a reason."""

    kind = replace(StatusChanged.kind, version=1, atomic=())
    upcasters: ClassVar[dict[int, Upcaster]] = {}

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """One step."""
        return (Edit(command.record, "status", self.to),)


class Catalogue(dict[str, type[Payload]]):
    """The catalogue, as the release of whoever asks has it."""

    def get(self, name: str, default: Any = None) -> Any:
        """As `dict.get`."""
        life = OWNER.get()
        if isinstance(life, Incarnation) and life.host.old:
            if life.host.name.startswith("server") and name in NEWER_KINDS:
                return default
            if name == _StatusChanged.kind.name:
                return _StatusChanged
        return super().get(name, default)

    def __getitem__(self, name: str) -> type[Payload]:
        found: type[Payload] | None = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None


@contextmanager
def releases() -> Iterator[None]:
    """While this lasts, hosts that are `old` run an older release."""
    known: Mapping[str, type[Payload]] = shared.commands.CATALOGUE
    places: tuple[Any, ...] = (shared.commands, workbench, interpret)
    catalogue = Catalogue(known)
    for place in places:
        place.CATALOGUE = catalogue
    try:
        yield
    finally:
        for place in places:
            place.CATALOGUE = known
