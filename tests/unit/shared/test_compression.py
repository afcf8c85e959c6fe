import pytest

from shared.compression import Packing, pack, unpack


def test_what_was_packed_comes_back_and_packs_the_same_every_time() -> None:
    body = b'{"commands": []}' * 500
    assert unpack(pack(body), len(body)) == body
    assert pack(body) == pack(body)
    assert len(pack(body)) < len(body) / 4


def test_a_small_body_that_holds_a_large_one_is_refused_before_it_is_whole() -> None:
    with pytest.raises(ValueError, match="more than 1000"):
        unpack(pack(b"0" * 10_000_000), 1000)


@pytest.mark.parametrize("spoil", [lambda p: p[:-9], lambda p: p + b"x", lambda p: b"no gzip", lambda p: p + p])
def test_what_is_not_one_whole_packed_body_is_refused(spoil: object) -> None:
    assert callable(spoil)
    with pytest.raises(ValueError, match=r"damaged|not whole"):
        unpack(spoil(pack(b"x" * 2000)), 4000)


def test_a_body_that_is_packed_as_it_is_made_comes_back_whole() -> None:
    begin, end = b'{"commands":[' + b"1," * 5000, b"2]}"
    assert unpack(Packing(begin).ended(end), 20_000) == begin + end
    assert Packing(begin).ended(end) == Packing(begin).ended(end)
