"""The command catalogue: one module here per kind.

Adding a kind is adding one file with a `Payload` subclass; the catalogue finds it. If it touches a new field, that
field's merge rule and data class stand beside it in `shared.records`.
"""

import importlib
import pkgutil
from collections.abc import Mapping

from shared.commands.base import Command, Payload, read_command

__all__ = ["CATALOGUE", "UnknownKind", "payload_class", "read_command", "read_payload"]


class UnknownKind(Exception):
    """No kind of that name, or a newer schema than this program knows."""


def _discover() -> dict[str, type[Payload]]:
    found: dict[str, type[Payload]] = {}
    for module_info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        for item in vars(module).values():
            if isinstance(item, type) and issubclass(item, Payload) and item is not Payload:
                found[item.kind.name] = item
    return found


CATALOGUE: Mapping[str, type[Payload]] = _discover()


def payload_class(name: str, schema_version: int) -> type[Payload]:
    """The payload class that understands a kind's payloads of a schema version, older ones through its upcasters.

    Raises `UnknownKind` with the reason for a person.
    """
    known = CATALOGUE.get(name)
    if known is None:
        raise UnknownKind(f"no command kind {name!r} in this version")
    newest = known.kind.version
    if schema_version > newest or any(step not in known.upcasters for step in range(schema_version, newest)):
        raise UnknownKind(f"{name} version {schema_version}; this version knows {_span(known)}")
    return known


def _span(known: type[Payload]) -> str:
    oldest = min(known.upcasters, default=known.kind.version)
    return f"{known.kind.version}" if oldest == known.kind.version else f"{oldest} to {known.kind.version}"


def read_payload(command: Command) -> Payload:
    """The command's payload as its kind's class, brought up to the present schema version.

    Raises:
        UnknownKind: kind or schema version not known here.
        ValueError: known, but the payload does not fit.
    """
    known = payload_class(command.kind, command.schema_version)
    payload = command.payload
    for version in range(command.schema_version, known.kind.version):
        payload = known.upcasters[version](payload)
    return known.model_validate(payload)
