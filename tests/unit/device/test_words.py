from typing import Any

import pytest

from device.words import fate, numbered
from shared.records import ExternalWrite, WriteStatus
from tests.builders import JOB, new_id


def test_a_number_says_its_epoch_where_numbers_began_anew() -> None:
    assert [numbered(1, 7), numbered(2, 7), numbered(None, 3)] == ["#7", "#2/7", "#3"]


@pytest.mark.parametrize(
    ("status", "more", "said"),
    [
        ("queued", {}, "not yet with erp"),
        ("sending", {}, "on its way to erp"),
        ("done", {"reference": "PO-9"}, "erp has it as PO-9"),
        ("done", {}, "erp has it"),
        ("refused", {"detail": "no such part"}, "erp did not take it: no such part"),
        ("parked", {}, "the office finds out whether erp has it"),
    ],
)
def test_the_fate_of_an_order_is_said_in_words(status: str, more: dict[str, Any], said: str) -> None:
    write = ExternalWrite(command=new_id(), system="erp", record=JOB, status=WriteStatus(status), **more)
    assert fate(write) == said
