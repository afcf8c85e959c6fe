"""One signature for many statements: a Merkle tree over them, and for each the path that proves it alone.

Source: RFC 9162 (Certificate Transparency 2.0), section 2.1: leaf and node hashes are told apart by a first byte, a
tree of n leaves splits at the largest power of two below n.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

HASH_BYTES = 32
PATH_MAX = 40
NODES_KEPT = 2048


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Where a leaf stands: `index` from 0 in a tree of `size` leaves, and the sibling hashes from it upwards."""

    index: int
    size: int
    path: tuple[bytes, ...]


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\x00" + leaf).digest()


@lru_cache(maxsize=NODES_KEPT)
def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node. The upper ones stand in the paths of hundreds of leaves: kept for a while."""
    return sha256(b"\x01" + left + right).digest()


def tree(leaves: Sequence[bytes]) -> tuple[bytes, list[Inclusion]]:
    """The root over `leaves` (at least one), and each leaf's inclusion in their order."""
    paths: list[list[bytes]] = [[] for _ in leaves]
    root = _root([leaf_hash(leaf) for leaf in leaves], 0, paths)
    return root, [Inclusion(index, len(leaves), tuple(path)) for index, path in enumerate(paths)]


def _root(hashes: list[bytes], start: int, paths: list[list[bytes]]) -> bytes:
    """The root of a subtree whose first leaf is number `start`; every path in it grows by the sibling's root."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    left, right = _root(hashes[:split], start, paths), _root(hashes[split:], start + split, paths)
    for path in paths[start : start + split]:
        path.append(right)
    for path in paths[start + split : start + len(hashes)]:
        path.append(left)
    return node_hash(left, right)


def proves(leaf: bytes, inclusion: Inclusion, root: bytes) -> bool:
    """Whether `leaf` stands at its place under `root`. Source: RFC 9162, section 2.1.3.2."""
    place, last = inclusion.index, inclusion.size - 1
    if not 0 <= place <= last:
        return False
    reached = leaf_hash(leaf)
    for sibling in inclusion.path:
        if last == 0:
            return False
        if place & 1 or place == last:
            reached = node_hash(sibling, reached)
            while place & 1 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            reached = node_hash(reached, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and reached == root
