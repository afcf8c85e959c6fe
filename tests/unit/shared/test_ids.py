from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from shared.contract import CommandId
from shared.ids import id_of, kind_of, record_ref, uuid7

AT = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)


def test_the_standards_own_example() -> None:
    # RFC 9562, appendix A.6: 2022-02-22 14:22:22 GMT-05:00, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F
    assert uuid7(AT, bytes.fromhex("0CC318C4DC0C0C07398F")) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@given(st.binary(min_size=10, max_size=10), st.integers(86400, 2**37))
def test_ids_fit_their_contract_and_sort_by_time(randomness: bytes, seconds: int) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    first = TypeAdapter(CommandId).validate_python(uuid7(at, randomness))
    later = uuid7(at + timedelta(milliseconds=2), bytes(10))
    assert first < later


def test_too_little_randomness_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="10 random bytes"):
        uuid7(AT, b"short")


def test_references_come_apart_as_they_were_put_together() -> None:
    ref = record_ref("work_order", "WO-1")
    assert (kind_of(ref), id_of(ref)) == ("work_order", "WO-1")
