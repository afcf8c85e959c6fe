"""One signature for many statements: a Merkle tree over them, and for each the path that proves it alone.

Source: RFC 9162 (Certificate Transparency 2.0), section 2.1: leaf and node hashes are told apart by a first byte, a
tree of n leaves splits at the largest power of two below n.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from shared.values import value

HASH_BYTES = 32
PATH_MAX = 40


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Where a leaf stands: `index` from 0 in a tree of `size` leaves, and the sibling hashes from it upwards."""

    index: int
    size: int
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class Tree:
    """A tree by the hashes of its leaves, of which there is at least one: `leaves` has one behind the other."""

    leaves: bytes

    @cached_property
    def size(self) -> int:
        """How many leaves there are."""
        return len(self.leaves) // HASH_BYTES

    @cached_property
    def levels(self) -> tuple[Sequence[bytes], ...]:
        """The hashes level by level, the leaves' first, the root's last; what has no neighbour moves up as it is."""
        levels: list[list[bytes]] = [[self.leaf(index) for index in range(self.size)]]
        while len(below := levels[-1]) > 1:
            above = [node_hash(left, right) for left, right in zip(below[::2], below[1::2], strict=False)]
            levels.append([*above, *below[2 * len(above) :]])
        return tuple(levels)

    @property
    def root(self) -> bytes:
        """The hash that stands for all of them."""
        return self.levels[-1][0]

    def leaf(self, index: int) -> bytes:
        """The hash of leaf number `index`; nothing if there is none."""
        return self.leaves[index * HASH_BYTES : (index + 1) * HASH_BYTES] if index >= 0 else b""

    def path(self, index: int) -> tuple[bytes, ...]:
        """The sibling hashes from leaf number `index` upwards."""
        neighbours = ((level, (index >> height) ^ 1) for height, level in enumerate(self.levels[:-1]))
        return tuple(level[place] for level, place in neighbours if place < len(level))


@value(frozen=True, slots=True)
class Leaf:
    """An `Inclusion` whose whole tree is at hand: its path is worked out only where somebody asks for it."""

    index: int
    tree: Tree

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return self.tree.size

    @property
    def path(self) -> tuple[bytes, ...]:
        """The sibling hashes from the leaf upwards."""
        return self.tree.path(self.index)


Place = Inclusion | Leaf


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def tree(leaves: Iterable[bytes]) -> Tree:
    """The tree over `leaves`, in their order."""
    return Tree(b"".join(map(leaf_hash, leaves)))


def proves(leaf: bytes, inclusion: Place, root: bytes) -> bool:
    """Whether `leaf` stands at its place under `root`. Source: RFC 9162, section 2.1.3.2."""
    if isinstance(inclusion, Leaf):
        return inclusion.tree.leaf(inclusion.index) == leaf_hash(leaf) and inclusion.tree.root == root
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
