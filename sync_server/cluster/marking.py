"""What an organisation's own vocabulary marks in words that reach the server, as its laptops do.

Rules
1. The newest vocabulary that this program can read counts, as on a laptop; without one nothing is marked.
2. A mark may raise a class and never lowers one (`policies.classify`).
3. A vocabulary is parsed once, and held once for everybody here who asks.
"""

from functools import lru_cache

from policies.classify import Vocabulary, classify
from shared.routing import DataClass
from shared.vocabulary import BadVocabulary
from shared.vocabulary import Vocabulary as Shorthand
from sync_server.updates.publisher import Publisher

#: Of so many organisations what was parsed is shared by who asks; an organisation's own parts hold theirs besides.
_SHARED_MAX = 8


def newest(published: Publisher) -> Shorthand | None:
    """The vocabulary with the highest number that can be read; None if there is none."""
    for number in sorted(published.vocabularies(), reverse=True):
        read = _parsed(published.vocabulary(number))
        if read is not None:
            return read
    return None


@lru_cache(maxsize=_SHARED_MAX)
def _parsed(raw: bytes) -> Shorthand | None:
    try:
        return Shorthand.from_bytes(raw)
    except BadVocabulary:  # of a later program: laptops that can read it say themselves what they found
        return None


def class_of(text: str, names: Vocabulary, shorthand: Shorthand | None, declared: DataClass | None) -> DataClass:
    """The class of `text`, at least the one that was declared."""
    marked = shorthand.normalise(text).marked() if shorthand else ()
    return classify(text, names, declared=declared, marked=marked).data_class
