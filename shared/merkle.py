"""Merkle trees: one signature over many entries, each provable alone.

Rules
1. A leaf is hashed with a zero byte before it, a node with a one byte: no entry can pass itself off as a node.
2. A level with an odd number of nodes hands its last one up unchanged. That is the same tree as the standard's, which
   splits at the largest power of two, made from the bottom in one pass.
3. A path proves an entry only together with the root *and* the size; whoever signs a root signs its size beside it.

Source: RFC 9162, section 2.1, with SHA-256.
"""

from collections.abc import Sequence
from hashlib import sha256


class Tree:
    """The hashes over `entries`, in their order; 32 bytes each."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self._levels = [[_leaf(entry) for entry in entries]]
        while len(self._levels[-1]) > 1:
            self._levels.append(_above(self._levels[-1]))

    @property
    def size(self) -> int:
        """The number of entries."""
        return len(self._levels[0])

    @property
    def root(self) -> bytes:
        """The tree's head. Source: RFC 9162, section 2.1.1."""
        return self._levels[-1][0] if self.size else sha256().digest()

    def path(self, index: int) -> tuple[bytes, ...]:
        """The inclusion path of the entry at `index` (from 0), nearest the leaf first.

        Raises:
            IndexError: there is no such entry.

        Source: RFC 9162, section 2.1.3.1.
        """
        if not 0 <= index < self.size:
            raise IndexError(f"no entry {index} in a tree of {self.size}")
        path = []
        for level in self._levels[:-1]:
            if (sibling := index ^ 1) < len(level):
                path.append(level[sibling])
            index >>= 1
        return tuple(path)


def included(entry: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` proves that `entry` is at `index` (from 0) of the tree with that `root` and `size`.

    Source: RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size:
        return False
    node, last = _leaf(entry), size - 1
    for sibling in path:
        if last == 0:
            return False
        if index & 1 or index == last:
            node = _node(sibling, node)
            while not index & 1 and index:  # this node was handed up unchanged, maybe more than once
                index, last = index >> 1, last >> 1
        else:
            node = _node(node, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and node == root


def _above(level: list[bytes]) -> list[bytes]:
    pairs = zip(level[::2], level[1::2], strict=False)
    return [_node(left, right) for left, right in pairs] + level[len(level) & ~1 :]


def _leaf(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()
