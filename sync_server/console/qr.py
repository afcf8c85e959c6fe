"""A QR code of a short text, as SVG: so that a code need not be typed.

Rules
1. Bytes mode, level M, versions 1 to 6: up to 106 bytes, which an address and a code need. Nothing else is made.
2. The mask is the one with the least penalty, as the standard has it.

Source: ISO/IEC 18004:2015, sections 7.4 (data), 7.5 (error correction), 7.7 (placement), 7.8 (masks), 7.9 (format).
"""

from collections.abc import Iterator, Sequence
from itertools import chain, groupby, product

#: By version: codewords of data in each block, and codewords of error correction in each block (level M).
_BLOCKS: dict[int, tuple[tuple[int, ...], int]] = {
    1: ((16,), 10),
    2: ((28,), 16),
    3: ((44,), 26),
    4: ((32, 32), 18),
    5: ((43, 43), 24),
    6: ((27, 27, 27, 27), 16),
}
_MASKS = (
    lambda r, c: (r + c) % 2 == 0,
    lambda r, c: r % 2 == 0,
    lambda r, c: c % 3 == 0,
    lambda r, c: (r + c) % 3 == 0,
    lambda r, c: (r // 2 + c // 3) % 2 == 0,
    lambda r, c: r * c % 2 + r * c % 3 == 0,
    lambda r, c: (r * c % 2 + r * c % 3) % 2 == 0,
    lambda r, c: ((r + c) % 2 + r * c % 3) % 2 == 0,
)
_QUIET = 4
_LEVEL_M = 0b00
_FORMAT_GENERATOR, _FORMAT_MASK = 0b10100110111, 0b101010000010010
_LOOKS_LIKE_A_FINDER = ((1, 0, 1, 1, 1, 0, 1, 0, 0, 0, 0), (0, 0, 0, 0, 1, 0, 1, 1, 1, 0, 1))

Grid = list[list[int]]


def matrix(text: str) -> Grid:
    """The modules, rows of 0 (light) and 1 (dark), without the quiet zone. Raises `ValueError` if it is too long."""
    raw = text.encode()
    version = next((each for each, (data, _) in _BLOCKS.items() if len(raw) + 2 <= sum(data)), None)
    if version is None:
        raise ValueError(f"a QR code here holds up to {sum(_BLOCKS[6][0]) - 2} bytes, not {len(raw)}")
    bits = [*_bits(_interleaved(version, _data(raw, sum(_BLOCKS[version][0]))))]
    fixed = _fixed(version)
    drawn = (_masked(version, fixed, bits, number) for number in range(len(_MASKS)))
    return min(drawn, key=penalty)


def svg(text: str, module: int = 4) -> str:
    """The code as a drawing, `module` pixels a module, dark on light whatever the page's colours."""
    grid = matrix(text)
    size = (len(grid) + 2 * _QUIET) * module
    path = "".join(
        f"M{(column + _QUIET) * module} {(row + _QUIET) * module}h{module}v{module}h-{module}z"
        for row, column in product(range(len(grid)), repeat=2)
        if grid[row][column]
    )
    return (
        f'<svg class="qr" width="{size}" height="{size}" viewBox="0 0 {size} {size}" aria-hidden="true">'
        f'<rect width="{size}" height="{size}" fill="#fff"/><path d="{path}" fill="#000"/></svg>'
    )


# -- what it says


def _data(raw: bytes, room: int) -> bytes:
    """Mode, length, bytes, terminator, and padding up to `room` codewords."""
    bits = f"0100{len(raw):08b}{''.join(f'{byte:08b}' for byte in raw)}0000"
    whole = [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]
    padding = [(0xEC, 0x11)[n % 2] for n in range(room - len(whole))]
    return bytes(whole + padding)


def _interleaved(version: int, data: bytes) -> list[int]:
    sizes, parity = _BLOCKS[version]
    blocks, at = [], 0
    for size in sizes:
        blocks.append(list(data[at : at + size]))
        at += size
    checks = [_remainder(block, parity) for block in blocks]
    return [*chain.from_iterable(zip(*blocks, strict=True)), *chain.from_iterable(zip(*checks, strict=True))]


def _bits(codewords: Sequence[int]) -> Iterator[int]:
    for word in codewords:
        yield from (word >> place & 1 for place in range(7, -1, -1))


# -- error correction: Reed-Solomon over GF(256) with x^8 + x^4 + x^3 + x^2 + 1


def _tables() -> tuple[list[int], list[int]]:
    powers, logs, value = [], [0] * 256, 1
    for exponent in range(255):
        powers.append(value)
        logs[value] = exponent
        value = value << 1 ^ (0x11D if value & 0x80 else 0)
    return powers, logs


_POWERS, _LOGS = _tables()


def product_of(a: int, b: int) -> int:
    """The product in the field."""
    return _POWERS[(_LOGS[a] + _LOGS[b]) % 255] if a and b else 0


def _generator(degree: int) -> list[int]:
    """Its coefficients without the leading 1, the highest first."""
    made = [1]
    for exponent in range(degree):
        shifted = [*made, 0]
        scaled = [0, *(product_of(each, _POWERS[exponent]) for each in made)]
        made = [a ^ b for a, b in zip(shifted, scaled, strict=True)]
    return made[1:]


def _remainder(block: Sequence[int], degree: int) -> list[int]:
    generator, rest = _generator(degree), [0] * degree
    for word in block:
        factor = word ^ rest[0]
        rest = [a ^ product_of(b, factor) for a, b in zip([*rest[1:], 0], generator, strict=True)]
    return rest


# -- where it stands


def _fixed(version: int) -> dict[tuple[int, int], int]:
    """Every module that is no data: finders, timing, alignment, the dark one; places for the format are 0."""
    size, placed = 17 + 4 * version, dict[tuple[int, int], int]()
    for row, column in product(range(9), repeat=2):
        placed[row, column] = 0
        if column < 8:
            placed[row, size - 1 - column] = 0
            placed[size - 1 - column, row] = 0
    for top, left in ((0, 0), (0, size - 7), (size - 7, 0)):
        for row, column in product(range(7), repeat=2):
            placed[top + row, left + column] = int(max(abs(row - 3), abs(column - 3)) != 2)
    for at in range(8, size - 8):
        placed[6, at] = placed[at, 6] = (at + 1) % 2
    if version > 1:
        middle = size - 7
        for row, column in product(range(-2, 3), repeat=2):
            placed[middle + row, middle + column] = int(max(abs(row), abs(column)) != 1)
    placed[size - 8, 8] = 1
    return placed


def places(size: int, fixed: dict[tuple[int, int], int]) -> Iterator[tuple[int, int]]:
    """Where the bits of data go, in their order: two columns at a time, up and down."""
    upward = True
    for right in (*range(size - 1, 6, -2), 5, 3, 1):
        rows = range(size - 1, -1, -1) if upward else range(size)
        yield from ((row, column) for row, column in product(rows, (right, right - 1)) if (row, column) not in fixed)
        upward = not upward


def _masked(version: int, fixed: dict[tuple[int, int], int], bits: Sequence[int], number: int) -> Grid:
    size = 17 + 4 * version
    grid = [[fixed.get((row, column), 0) for column in range(size)] for row in range(size)]
    for (row, column), bit in zip(places(size, fixed), chain(bits, [0] * 7), strict=False):
        grid[row][column] = bit ^ _MASKS[number](row, column)
    _put_format(grid, number)
    return grid


def _put_format(grid: Grid, mask: int) -> None:
    size, told = len(grid), format_bits(mask)
    bits = [told >> place & 1 for place in range(15)]
    around = [*((row, 8) for row in (0, 1, 2, 3, 4, 5, 7, 8)), *((8, column) for column in (7, 5, 4, 3, 2, 1, 0))]
    apart = [*((8, size - 1 - n) for n in range(8)), *((size - 7 + n, 8) for n in range(7))]
    for place, bit in zip((*around, *apart), bits * 2, strict=True):
        grid[place[0]][place[1]] = bit


def format_bits(mask: int) -> int:
    """The fifteen bits that say level and mask."""
    told = (_LEVEL_M << 3 | mask) << 10
    rest = told
    for place in range(14, 9, -1):
        if rest >> place & 1:
            rest ^= _FORMAT_GENERATOR << place - 10
    return (told | rest) ^ _FORMAT_MASK


def penalty(grid: Grid) -> int:
    """How hard it is to read: runs, squares, what looks like a finder, and too much of one colour."""
    lines = [*grid, *map(list, zip(*grid, strict=True))]
    lengths = (sum(1 for _ in run) for line in lines for _, run in groupby(line))
    runs = sum(length - 2 for length in lengths if length >= 5)
    inner = range(len(grid) - 1)
    squares = sum(
        3 for r, c in product(inner, repeat=2) if grid[r][c] == grid[r][c + 1] == grid[r + 1][c] == grid[r + 1][c + 1]
    )
    likes = sum(
        40 for line in lines for at in range(len(line) - 10) if tuple(line[at : at + 11]) in _LOOKS_LIKE_A_FINDER
    )
    dark = sum(map(sum, grid)) * 100 / len(grid) ** 2
    return runs + squares + likes + 10 * int(abs(dark - 50) // 5)
