"""The office's vocabulary on this laptop: read when the first note needs it, and again when a newer one is here."""

from device.updates.shelf import Shelf
from shared.vocabulary import BadVocabulary, Vocabulary


class OfficeVocabulary:
    """The vocabulary that the office last gave out and this program can read."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._number: int | None = None
        self._vocabulary: Vocabulary | None = None

    def current(self) -> Vocabulary | None:
        """The vocabulary in use; None if none came yet, or none that this program can read."""
        number = self._shelf.vocabulary_number()
        if number != self._number:
            raw = self._shelf.vocabulary()
            try:
                self._vocabulary = Vocabulary.from_bytes(raw) if raw is not None else None
            except BadVocabulary:  # the program was set back: notes are read without
                self._vocabulary = None
            self._number = number
        return self._vocabulary
