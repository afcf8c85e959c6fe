"""The standard's definitions, word for word, against the tree that the product makes in one pass."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.merkle import Inclusion, Leaf, proves, tree

SIZES = range(1, 71)


def entries(size: int) -> list[bytes]:
    return [b"entry %d" % n for n in range(size)]


def split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def head(leaves: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, word for word."""
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = split(len(leaves))
    return sha256(b"\x01" + head(leaves[:k]) + head(leaves[k:])).digest()


def path(index: int, leaves: list[bytes]) -> tuple[bytes, ...]:
    """RFC 9162, section 2.1.3.1, word for word."""
    if len(leaves) == 1:
        return ()
    k = split(len(leaves))
    if index < k:
        return (*path(index, leaves[:k]), head(leaves[k:]))
    return (*path(index - k, leaves[k:]), head(leaves[:k]))


def included(leaf: bytes, index: int, size: int, proof: tuple[bytes, ...], root: bytes) -> bool:
    return proves(leaf, Inclusion(index, size, proof), root)


def test_the_head_of_one_empty_entry_is_that_of_the_standard() -> None:
    assert tree([b""]).root.hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


@pytest.mark.parametrize("size", SIZES)
def test_head_and_paths_are_those_of_the_standard(size: int) -> None:
    leaves = entries(size)
    over = tree(leaves)
    assert over.root == head(leaves)
    assert [over.path(index) for index in range(size)] == [path(index, leaves) for index in range(size)]
    assert over.size == size


@pytest.mark.parametrize("size", SIZES)
def test_every_entry_is_proved_at_its_own_place_and_at_no_other(size: int) -> None:
    leaves = entries(size)
    over = tree(leaves)
    for index, leaf in enumerate(leaves):
        proof = over.path(index)
        assert [place for place in range(-1, size + 2) if included(leaf, place, size, proof, over.root)] == [index]


@pytest.mark.parametrize("size", SIZES)
def test_no_other_entry_path_or_root_is_proved(size: int) -> None:
    leaves = entries(size)
    over = tree(leaves)
    for index, leaf in enumerate(leaves):
        proof = over.path(index)
        assert not included(leaf + b"!", index, size, proof, over.root)
        assert not included(leaf, index, size, (*proof, over.root), over.root)
        assert not included(leaf, index, size, proof, tree([*leaves, b"more"]).root)
        if proof:
            assert not included(leaf, index, size, proof[:-1], over.root)
        if proof != proof[::-1]:
            assert not included(leaf, index, size, proof[::-1], over.root)


def turns(index: int, size: int) -> str:
    """Left or right at every node between the root and the leaf."""
    if size == 1:
        return ""
    k = split(size)
    return "l" + turns(index, k) if index < k else "r" + turns(index - k, size - k)


@pytest.mark.parametrize("size", SIZES)
def test_a_size_in_which_the_entry_lies_elsewhere_is_not_proved(size: int) -> None:
    """A path does not name its tree's size: sizes that give the entry the same turns cannot be told apart by it."""
    leaves = entries(size)
    over = tree(leaves)
    for index, leaf in enumerate(leaves):
        for other in {1, size // 2, size - 1, size + 1, 2 * size, 2 * size + 1} - {0, size}:
            if index >= other or turns(index, other) != turns(index, size):
                assert not included(leaf, index, other, over.path(index), over.root)


def test_in_a_tree_at_hand_an_entry_is_proved_at_its_own_place_under_its_own_root() -> None:
    leaves = entries(5)
    over, other = tree(leaves), tree([*leaves, b"more"])
    for index, leaf in enumerate(leaves):
        proved = [place for place in range(-6, 7) if proves(leaf, Leaf(place, over), over.root)]
        assert proved == [index]
        assert not proves(leaf + b"!", Leaf(index, over), over.root)
        assert not proves(leaf, Leaf(index, over), other.root)
        assert not proves(leaf, Leaf(index, other), over.root)


def test_a_node_does_not_pass_for_an_entry() -> None:
    over = tree([b"a", b"b"])
    inner = sha256(b"\x00a").digest() + sha256(b"\x00b").digest()
    assert not included(inner, 0, 1, (), over.root)


def test_a_path_longer_than_the_tree_is_high_proves_nothing() -> None:
    over = tree([b"a", b"b"])
    assert included(b"b", 1, 2, over.path(1), over.root)
    assert not included(b"b", 0, 1, over.path(1), over.root)


@given(leaves=st.lists(st.binary(max_size=8), min_size=1, max_size=40), data=st.data())
def test_one_flipped_bit_anywhere_is_noticed(leaves: list[bytes], data: st.DataObject) -> None:
    over = tree(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof = over.path(index)
    assert included(leaves[index], index, len(leaves), proof, over.root)
    if proof:
        step = data.draw(st.integers(0, len(proof) - 1))
        spoiled = bytes([proof[step][0] ^ 1]) + proof[step][1:]
        assert not included(
            leaves[index], index, len(leaves), (*proof[:step], spoiled, *proof[step + 1 :]), over.root
        )
