"""Takes in files that `explore` wrote, one or several slices of one campaign."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shared.commandline import UsageError
from simulators.account import SCHEMA, Account, Mismatch, added


def read_all(names: Sequence[str]) -> Account:
    """The campaign that the files make up.

    Raises:
        UsageError: one cannot be read, is something else, or they do not add up.
    """
    try:
        return added([(name, read(name)) for name in names])
    except Mismatch as error:
        raise UsageError(f"{error}. Make a report of each.") from error


def read(name: str) -> Account:
    """One file. Raises `UsageError`."""
    data = _parsed(name)
    if data.pop("schema", None) != SCHEMA:
        raise UsageError(f"{name} is not what explore writes: its schema is not {SCHEMA}.")
    data.pop("ok", None)
    try:
        return Account.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(each) for each in first["loc"])
        raise UsageError(f"{name} is of another version of this program: {place}: {first['msg']}.") from error


def _parsed(name: str) -> dict[str, Any]:
    try:
        data = json.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"Cannot read {name}: {error.strerror}. Give what explore --out wrote.") from error
    except ValueError as error:
        raise UsageError(f"{name} is not JSON. Give what explore --out or --json wrote.") from error
    if not isinstance(data, dict):
        raise UsageError(f"{name} is not what explore writes: it is not one object.")
    return data
