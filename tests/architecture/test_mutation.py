"""The survivors of `make mutation` that are explained: each entry still fits the code that it is about."""

import ast
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SURVIVORS: list[dict[str, Any]] = tomllib.loads((ROOT / ".ci" / "mutation.toml").read_text(encoding="utf-8"))[
    "survivor"
]


def lines_of(function: str) -> list[str]:
    """The lines of ``package.module.name`` or ``package.module.Class.name``, without their layout."""
    package, module, *names = function.split(".")
    node: ast.AST = ast.parse((ROOT / package / f"{module}.py").read_text(encoding="utf-8"))
    for name in names:
        node = next(each for each in ast.iter_child_nodes(node) if getattr(each, "name", None) == name)
    return [line.strip() for line in ast.unparse(node).splitlines()]


@pytest.mark.parametrize("entry", SURVIVORS, ids=lambda entry: entry["function"])
def test_an_explained_survivor_is_about_code_that_is_there(entry: dict[str, Any]) -> None:
    assert set(entry["was"].split("\n")) - {""} <= set(lines_of(entry["function"]))
    assert entry["becomes"].strip() != entry["was"].strip()
    assert entry["because"].endswith(".")
