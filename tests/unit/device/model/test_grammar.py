from typing import Any

import pytest

from device.model.grammar import grammar_of


def closed(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def test_a_closed_object_is_written_in_one_way() -> None:
    schema = closed(action={"enum": ["a", "b"]}, sure={"enum": [True, 1.5]})
    assert grammar_of(schema) == (
        'root ::= "{\\"action\\": " ("\\"a\\"" | "\\"b\\"") ", \\"sure\\": " ("true" | "1.5") "}"\n'
    )


def test_quotes_backslashes_and_line_ends_stay_inside_their_literal() -> None:
    grammar = grammar_of({"enum": ['3" hose', "a\\b", "two\nlines", "62 °C"]})
    assert grammar.count("\n") == 1
    assert '"\\"3\\\\\\" hose\\""' in grammar
    assert '"\\"a\\\\\\\\b\\""' in grammar
    assert '"\\"two\\\\nlines\\""' in grammar
    assert "62 °C" in grammar


def test_text_has_no_end_of_its_own_and_no_quotation_marks() -> None:
    assert grammar_of(closed(answer={"type": "string"})) == (
        'root ::= "{\\"answer\\": " "\\"" [^"\\\\\\x00-\\x1f\\x7f]* "\\"" "}"\n'
    )


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"enum": []},
        {"type": "number"},
        {"type": "object"},
        closed(),
        closed(a={"type": "number"}),
        closed(a={"enum": ["x"]}) | {"additionalProperties": True},
        closed(a={"enum": ["x"]}, b={"enum": ["y"]}) | {"required": ["a"]},
        {"enum": ["\udce9"]},
    ],
)
def test_any_other_schema_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"schema|surrogates"):
        grammar_of(schema)
