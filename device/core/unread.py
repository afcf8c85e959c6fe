"""Notes that the rules do not read, because what they would find in them could be the opposite of what was meant.

Rules
1. The note itself is always kept, word for word. Only nothing is read from it, and a sentence says why.
2. The lists of words are English. A note in another language may hold words that look English ("Service nicht
   gemacht"), but what denies them is not on the lists.
3. Nothing is read where a note says of one thing that it was done and that it was not, nor where hidden characters
   part a word or turn it round.
4. What is not sure to be so is read: shorthand has few of the words by which languages are told.
"""

import re
from collections.abc import Iterator

from device.core.candidates import Span, overlaps, plain, words
from device.core.candidates.spans import after, before, first_come, span_of
from shared.records import WorkStatus

_KEPT = "It is kept as it stands."
HIDDEN = f"The note holds hidden characters in the middle of words. {_KEPT} Type it again to have it read."
LANGUAGE = f"The note does not seem to be in English, and only English is read. {_KEPT}"

_HIDDEN = re.compile(
    "(?<=\\w)[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u200c\u2060\ufeff]+(?=\\w)|[\u202a-\u202e\u2066-\u2069]"
)

# -- other languages

_SURE_WORDS = """
    nicht und wurde wurden wird werden worden kein keine keinen einen einem eine auf auch noch zum zur vom wegen ohne
    nach durch muss soll sollte oder aber fertig defekt undicht gewechselt getauscht ausgetauscht erneuert gereinigt
    repariert ersetzt offen morgen heute gestern druck sollwert pumpe dichtung ventil bestanden benoetigt kontrolle
    reparatur wartung
    avec dans mais fait faite faits faites remplace remplacer repare reparer nettoye verifie termine pompe fuite
    pression attente doit jamais rien
    bomba cambiado cambiada reparado reparada revisado limpiado pero falta hecho terminado valvula
    niet wordt werd gerepareerd vervangen sostituito riparato pompa valvola
"""
_LIKELY_WORDS = """
    der das die den dem ist mit ein bei von zu im le la les des du une est et sur pas ne de en el los las una por para
    sin fue het een van met il lo della non
"""
_ENGLISH_WORDS = "the and was were is are has have had not with from for this that been will it to of"
#: Words of German, French, Spanish, Dutch and Italian that are neither English nor its shorthand.
_SURE = frozenset(_SURE_WORDS.split())
#: Words that may be shorthand as well: two of them count as one.
_LIKELY = frozenset(_LIKELY_WORDS.split())
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_WORD = re.compile(r"(?<![^\W_])[^\W\d_]+(?![^\W_])")
#: Letters that English does not have; what stands for a diameter is no word.
_ACCENTED = re.compile("[\u00df-\u00f6\u00f9-\u00ff\u0100-\u017f]")
_GERMAN_NOUN = re.compile(r"\w{4,}ung(?:en)?")
_LATIN_OR_GREEK = re.compile("[\u0041-\u005a\u0061-\u007a\u00aa-\u024f\u0370-\u03ff\u1e00-\u1eff]")
_ENOUGH = 2


def unread(note: str) -> str | None:
    """Why nothing is read from `note`, as a sentence for its author; None if it is read."""
    if _HIDDEN.search(note):
        return HIDDEN
    if is_foreign(note):
        return LANGUAGE
    if (pair := contradiction(plain(note))) is not None:
        said, denied = pair
        return f"The note says both “{said.text}” and “{denied.text}” of the same thing. {_KEPT}"
    return None


def is_foreign(note: str) -> bool:
    """Whether a note seems to be in another language than English."""
    found = [word.lower() for word in _WORD.findall(note)]
    letters = "".join(found)
    if 4 * (len(letters) - len(_LATIN_OR_GREEK.findall(letters))) > len(letters):
        return True
    foreign = sum(map(_weight, set(found)))
    return foreign >= _ENOUGH and foreign > len(_ENGLISH.intersection(found))


def _weight(word: str) -> int:
    if word in _SURE or (len(word) > 1 and _ACCENTED.search(word)) or _GERMAN_NOUN.fullmatch(word):
        return _ENOUGH
    return int(word in _LIKELY)


# -- contradictions

_DENIES = re.compile(r"\b(?:not|never|cannot|unable to|\w+n[\u2019']?t)(?: \w+){0,2} ?$", re.IGNORECASE)
_DENIED = re.compile(r"(?:not|isn[\u2019']?t|wasn[\u2019']?t)\b", re.IGNORECASE)
_IDLE_WORDS = """
    a an and are be been but cannot could did do does done had has have is it job never no not now of on still that
    the then this to unable was we were work yet
"""
#: Of no consequence for what a clause is about.
_IDLE = frozenset(_IDLE_WORDS.split())


def contradiction(text: str) -> tuple[Span, Span] | None:
    """Words of a plain note that say that something was done, and others that it was not; None if there are none."""
    done: list[tuple[object, Span]] = []
    denied: list[tuple[object, Span]] = []
    for what, span in _said(text):
        before_it = _DENIES.search(before(text, span))
        if before_it is not None:
            start = span.start - len(before(text, span)) + before_it.start()
            denied.append((what, span_of(text, start, span.end)))
        elif _DENIED.match(span.text):
            denied.append((what, span))
        else:
            done.append((what, span))
    pairs = ((yes, no) for kind, yes in done for other, no in denied if kind == other)
    return next(((yes, no) for yes, no in pairs if _about(text, no) <= _about(text, yes)), None)


def _said(text: str) -> Iterator[tuple[object, Span]]:
    """Work and the end of a job, done or not."""
    things = [span_of(text, *match.span()) for match in words.THINGS.finditer(text)]
    yield from ((what, span) for span, what in first_come(text, words.ACTIVITY) if not overlaps(span, things))
    for span, to in first_come(text, words.STATUS):
        if to is WorkStatus.DONE or _DENIED.match(span.text):
            yield WorkStatus.DONE, span


def _about(text: str, span: Span) -> frozenset[str]:
    """What the clause around a word is about."""
    around = f"{before(text, span)} {after(text, span)}".casefold()
    found = {word.removesuffix("s") for word in _WORD.findall(around) if not word.endswith("nt")}
    return frozenset(found - _IDLE)
