import json
import logging
import sys
from pathlib import Path

import pytest

from sync_server.logs import JsonLines
from sync_server.store import Store

SECRET = "the words of a technician"


def line_of(record: logging.LogRecord) -> dict[str, object]:
    told: dict[str, object] = json.loads(JsonLines().format(record))
    return told


def test_a_fault_is_named_with_its_place_and_never_with_its_words() -> None:
    try:
        raise ValueError(SECRET)
    except ValueError:
        record = logging.LogRecord("t", logging.ERROR, __file__, 1, "fault", (), sys.exc_info())
    told = line_of(record)
    assert (told["fault"], told["event"]) == ("ValueError", "fault")
    assert "test_logs.py" in str(told["trace"])
    assert SECRET not in json.dumps(told)


def test_a_failing_statement_does_not_quote_what_it_was_given(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'a.db'}")
    with pytest.raises(Exception, match="no such table") as failed, store.transaction() as tx:
        tx.set_server_value("key", SECRET)
    assert SECRET not in str(failed.value)
