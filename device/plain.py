"""Somebody's words as they are shown: letter for letter, but without any power over the terminal.

What people, models and other machines wrote goes through here before it reaches a screen. Control characters become
visible marks.
"""

import unicodedata

_MARK = "\N{REPLACEMENT CHARACTER}"


def plain(text: str) -> str:
    """`text` on one line and without any power over the terminal."""
    if text.isprintable():
        return text
    return "".join(map(_visible, text.replace("\r\n", "\n")))


def _visible(character: str) -> str:
    if character in "\n\t\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}":
        return " "
    joins = character in "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
    steers = unicodedata.category(character) in {"Cc", "Cf", "Cs"} and not joins
    return _MARK if steers else character
