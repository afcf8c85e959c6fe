"""The tree is made from the bottom; the standard defines it from the top. Both ways must meet."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.merkle import Tree, included

SIZES = range(1, 71)


def entries(size: int) -> list[bytes]:
    return [b"entry %d" % n for n in range(size)]


def split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def head(leaves: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, word for word."""
    if not leaves:
        return sha256().digest()
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


def test_the_heads_of_nothing_and_of_one_entry_are_those_of_the_standard() -> None:
    assert Tree([]).root.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert Tree([b""]).root.hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


@pytest.mark.parametrize("size", SIZES)
def test_head_and_paths_are_those_of_the_standard(size: int) -> None:
    leaves = entries(size)
    tree = Tree(leaves)
    assert (tree.size, tree.root) == (size, head(leaves))
    assert [tree.path(index) for index in range(size)] == [path(index, leaves) for index in range(size)]


@pytest.mark.parametrize("size", SIZES)
def test_every_entry_is_proved_at_its_own_place_and_at_no_other(size: int) -> None:
    leaves = entries(size)
    tree = Tree(leaves)
    for index, leaf in enumerate(leaves):
        proof = tree.path(index)
        places = [place for place in range(-1, size + 2) if included(leaf, place, size, proof, tree.root)]
        assert places == [index]


@pytest.mark.parametrize("size", SIZES)
def test_no_other_entry_path_or_root_is_proved(size: int) -> None:
    leaves = entries(size)
    tree = Tree(leaves)
    for index, leaf in enumerate(leaves):
        proof = tree.path(index)
        assert not included(leaves[(index + 1) % size] + b"!", index, size, proof, tree.root)
        assert not included(leaf, index, size, (*proof, tree.root), tree.root)
        assert not included(leaf, index, size, proof, Tree([*leaves, b"more"]).root)
        if proof:
            assert not included(leaf, index, size, proof[:-1], tree.root)
        if proof != proof[::-1]:
            assert not included(leaf, index, size, proof[::-1], tree.root)


@pytest.mark.parametrize("size", SIZES)
def test_a_size_in_which_the_entry_lies_elsewhere_is_not_proved(size: int) -> None:
    """A path does not name its tree's size: sizes that give the entry the same turns cannot be told apart by it."""
    tree = Tree(entries(size))
    for index in range(size):
        for other in {1, size // 2, size - 1, size + 1, 2 * size, 2 * size + 1} - {0, size}:
            if index >= other or turns(index, other) != turns(index, size):
                assert not included(b"entry %d" % index, index, other, tree.path(index), tree.root)


def turns(index: int, size: int) -> str:
    """Left or right at every node between the root and the leaf."""
    if size == 1:
        return ""
    k = split(size)
    return "l" + turns(index, k) if index < k else "r" + turns(index - k, size - k)


def test_a_node_does_not_pass_for_an_entry() -> None:
    tree = Tree([b"a", b"b"])
    inner = sha256(b"\x00a").digest() + sha256(b"\x00b").digest()
    assert not included(inner, 0, 1, (), tree.root)


def test_a_path_longer_than_the_tree_is_high_proves_nothing() -> None:
    tree = Tree([b"a", b"b"])
    assert included(b"b", 1, 2, tree.path(1), tree.root)
    assert not included(b"b", 0, 1, tree.path(1), tree.root)


@pytest.mark.parametrize("index", [-1, 3])
def test_there_is_no_path_to_an_entry_that_is_not_there(index: int) -> None:
    with pytest.raises(IndexError):
        Tree(entries(3)).path(index)


@given(leaves=st.lists(st.binary(max_size=8), min_size=1, max_size=40), data=st.data())
def test_one_flipped_bit_anywhere_is_noticed(leaves: list[bytes], data: st.DataObject) -> None:
    tree = Tree(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof = tree.path(index)
    assert included(leaves[index], index, len(leaves), proof, tree.root)
    if proof:
        step = data.draw(st.integers(0, len(proof) - 1))
        spoiled = bytes([proof[step][0] ^ 1]) + proof[step][1:]
        assert not included(
            leaves[index], index, len(leaves), (*proof[:step], spoiled, *proof[step + 1 :]), tree.root
        )
