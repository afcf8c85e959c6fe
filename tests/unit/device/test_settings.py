"""What a person may choose from outside."""

from pathlib import Path

from device.settings import NO_MODEL, read_settings


def test_none_is_no_file_but_no_model_at_all() -> None:
    chosen = read_settings({"TAILBOARD_MODEL": "none"}, home="x")
    assert (chosen.model, chosen.without_model) == (NO_MODEL, True)
    assert read_settings({"TAILBOARD_MODEL": "other.gguf"}, home="x", model="none").without_model


def test_a_file_that_is_named_and_one_that_is_not_leave_a_model() -> None:
    assert not read_settings({}, home="x").without_model
    named = read_settings({"TAILBOARD_MODEL": "/there/none.gguf"}, home="x")
    assert (named.model, named.without_model) == (Path("/there/none.gguf"), False)
