"""What we say, in the reader's language.

A sentence is known by its English text, with names in braces where values stand. A language is a JSON file in
``languages`` that maps the English to its own; what it does not have stays English. The language `PSEUDO` puts
brackets around everything, so that what cannot be translated is seen: ask for it in the browser's settings.

Source: RFC 9110, section 12.5.4 (Accept-Language).
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from sync_server.console.blocks import Said

ENGLISH, PSEUDO = "en", "qps"
#: What people call the languages that can be chosen.
NAMES = {ENGLISH: "English", "de": "Deutsch"}
Sayer = Callable[..., str]


@cache
def languages() -> Mapping[str, Mapping[str, str]]:
    """Every language that there is, and its sentences."""
    folder = resources.files("sync_server.console") / "languages"
    found: dict[str, Mapping[str, str]] = {ENGLISH: {}, PSEUDO: {}}
    for each in folder.iterdir() if folder.is_dir() else ():
        if each.name.endswith(".json"):
            found[each.name.removesuffix(".json")] = json.loads(each.read_text(encoding="utf-8"))
    return found


def language_of(asked: str) -> str:
    """The first language of an ``Accept-Language`` that there is; English if there is none."""
    weighed = []
    for place, part in enumerate(asked[:200].split(",")):
        name, _, weight = part.strip().partition(";q=")
        try:
            weighed.append((-float(weight or 1), place, name.partition("-")[0].casefold()))
        except ValueError:
            continue
    return next((name for _, _, name in sorted(weighed) if name in languages()), ENGLISH)


@cache
def sayer(language: str) -> Sayer:
    """Says sentences in `language`."""
    known = languages().get(language, {})

    def say(told: Any, **values: Any) -> str:
        text, values = (told.text, dict(told.values)) if isinstance(told, Said) else (str(told), values)
        values = {name: say(each) if isinstance(each, Said) else each for name, each in values.items()}
        shown = known.get(text, text)
        shown = shown.format_map(values) if values else shown
        return f"⟦{shown}⟧" if language == PSEUDO else shown

    return say
