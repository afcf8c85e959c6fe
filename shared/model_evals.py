"""A report about a model, as ``tailboard model eval --json`` writes it, as far as the office reads it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REPORT_BYTES_MAX = 1 << 20


class BadReport(ValueError):
    """It is no report of an evaluation."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What a model showed. `figures` by suite; `failed` is a line for each figure that is outside its limit."""

    prompts: int
    figures: Mapping[str, Mapping[str, float]]
    failed: tuple[str, ...] = ()

    @property
    def passed(self) -> tuple[str, ...]:
        """The suites none of whose figures is outside its limit, by name."""
        spoilt = {each.partition(":")[0] for each in self.failed}
        return tuple(sorted(set(self.figures) - spoilt))

    def as_json(self) -> dict[str, Any]:
        """The same for keeping; `read_evaluated` of a document with it under ``report`` gives it back."""
        figures = {name: dict(each) for name, each in self.figures.items()}
        return {"prompts": self.prompts, "figures": figures, "failed": list(self.failed)}


def read_evaluated(raw: bytes | str) -> Evaluated:
    """The report in a document. Raises `BadReport`."""
    try:
        return evaluated(json.loads(raw)["report"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadReport("no report of an evaluation; write one: tailboard model eval --json") from error


def evaluated(report: Mapping[str, Any]) -> Evaluated:
    """The report out of its JSON. Raises `ValueError`, `KeyError`, `TypeError`."""
    figures = {
        str(suite)[:64]: {str(name)[:64]: float(value) for name, value in dict(told).items()}
        for suite, told in dict(report["figures"]).items()
    }
    return Evaluated(int(report["prompts"]), figures, tuple(str(each)[:200] for each in report["failed"])[:64])
