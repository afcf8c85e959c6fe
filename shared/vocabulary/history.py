"""An organisation's history of notes, as the MaintNorm data set writes it.

A word and its normal form on each line, with a tab between; an empty line between notes. The normal form may be
several words, nothing (the word was merged into the one before), or a mask: ``<id>``, ``<sensitive>``, ``<num>``,
``<date>``.

Source: Bikaun et al., MaintNorm, W-NUT 2024.
"""

from collections.abc import Sequence

from shared.vocabulary.forms import MASKS

HISTORY_BYTES_MAX = 64 << 20
LINE_CHARS_MAX = 400

#: A word as it was written, and its normal form.
Pair = tuple[str, str]
Note = tuple[Pair, ...]


class BadHistory(ValueError):
    """The file is no history; the message says where and why, in words for a person."""


def read_history(raw: bytes) -> tuple[Note, ...]:
    """The notes of a history.

    Raises:
        BadHistory: it is too large, not UTF-8, or a line is not of the form above.
    """
    if len(raw) > HISTORY_BYTES_MAX:
        raise BadHistory(f"it has {len(raw):,} bytes; at most {HISTORY_BYTES_MAX:,} are read: learn from the newest")
    try:
        lines = raw.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise BadHistory(f"it is not UTF-8 (byte {error.start})") from error
    notes: list[Note] = []
    note: list[Pair] = []
    for number, line in enumerate([*lines, ""], start=1):
        if line.strip():
            note.append(_pair(line.rstrip("\r"), number))
        elif note:
            notes.append(tuple(note))
            note = []
    if not notes:
        raise BadHistory("it holds no notes")
    return tuple(notes)


def _pair(line: str, number: int) -> Pair:
    word, tab, normal = line.partition("\t")
    if not tab or not word.strip() or " " in word or "\t" in normal or len(line) > LINE_CHARS_MAX:
        raise BadHistory(f"line {number} is not a word, a tab, and its normal form")
    if "<" in normal and any(each not in MASKS and each[0] == "<" and each[-1] == ">" for each in normal.split()):
        return word, word  # some mask of theirs that is not ours: as it was said
    return word, " ".join(normal.split())


def words_of(note: Sequence[Pair]) -> list[str]:
    """The words of a note as they were written."""
    return [word for word, _ in note]
