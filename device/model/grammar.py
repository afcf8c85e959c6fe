"""From a JSON schema to the grammar that llama.cpp holds an answer to.

Only what is asked here: an object whose properties are all required and in order, values out of a list, and text on
one line without quotation marks.
The answer is written in one way, as `json.dumps` would, so that a model spends no token on blanks. llama.cpp's own
converter is not used: it breaks on quotation marks inside values and reports that on the terminal.

Source: the GBNF guide of llama.cpp.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

#: A JSON string in which nothing needs a backslash.
_TEXT = r'"\"" [^"\\\x00-\x1f\x7f]* "\""'


def grammar_of(schema: Schema) -> str:
    """The GBNF for `schema`, with the start rule ``root``. Raises `ValueError` for a schema of another kind."""
    return "root ::= " + " ".join(_terms(schema)) + "\n"


def _terms(schema: Mapping[str, Any]) -> Iterator[str]:
    match schema:
        case {"enum": [_, *_] as values}:
            yield "(" + " | ".join(_literal(_json(value)) for value in values) + ")"
        case {"type": "string"}:
            yield _TEXT
        case {"type": "object", "properties": properties, "additionalProperties": False} if properties and schema.get(
            "required"
        ) == list(properties):
            yield from _object(properties)
        case _:
            raise ValueError("the schema is neither a list of values nor a closed object of such lists")


def _object(properties: Mapping[str, Any]) -> Iterator[str]:
    lead = "{"
    for name, value in properties.items():
        yield _literal(f"{lead}{_json(name)}: ")
        yield from _terms(value)
        lead = ", "
    yield _literal("}")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _literal(text: str) -> str:
    """`text` as a GBNF literal. JSON has already made control characters visible."""
    text.encode()  # a lone surrogate is no text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
