"""The vocabulary: an organisation's own shorthand, learned from its history, and what a note may give away.

`history` reads what it is learned from; `lexicon` counts; `options` says what a word may stand for; `features` what
speaks for it; `learning` what that is worth; `weights` chooses; `coding` writes and reads the bytes that travel;
`vocabulary` reads a note; `grading` measures. None of them does I/O or knows commands and records.
"""

from shared.vocabulary.coding import VOCABULARY_BYTES_MAX, BadVocabulary
from shared.vocabulary.grading import Found, Grade, cross_validated, grade
from shared.vocabulary.history import BadHistory, Note, read_history
from shared.vocabulary.tokens import Mark, Normalised, Reading, Token
from shared.vocabulary.vocabulary import Vocabulary

__all__ = [
    "VOCABULARY_BYTES_MAX",
    "BadHistory",
    "BadVocabulary",
    "Found",
    "Grade",
    "Mark",
    "Normalised",
    "Note",
    "Reading",
    "Token",
    "Vocabulary",
    "cross_validated",
    "grade",
    "read_history",
]
