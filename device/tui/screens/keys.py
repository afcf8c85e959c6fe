"""The keys of a page, listed from its bindings and nowhere else, so that help can never be out of date."""

from collections.abc import Iterable, Mapping

from rich.text import Text
from textual.binding import Binding
from textual.dom import DOMNode

NAMES = {
    "question_mark": "?",
    "slash": "/",
    "escape": "Esc",
    "enter": "Enter",
    "space": "Space",
    "up": "Up",
    "down": "Down",
    "left": "Left",
    "right": "Right",
    "home": "Home",
    "end": "End",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "ctrl+p": "^p",
    "ctrl+q": "Ctrl+Q",
    "ctrl+t": "Ctrl+T",
}


def bindings_of(kind: type[DOMNode]) -> list[Binding]:
    """What `kind` and what it is made of bind, own keys first, one binding per key."""
    found: list[Binding] = []
    for owner in kind.__mro__:
        declared = owner.__dict__.get("BINDINGS", ()) if owner.__module__.startswith("device.tui.") else ()
        found += Binding.make_bindings(declared)
    return found


def named_keys(bindings: Iterable[Binding]) -> list[tuple[str, str]]:
    """Keys and what they do, keys for the same thing together, in the order of declaration."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for binding in bindings:
        grouped.setdefault((binding.action, binding.description), []).append(binding.key)
    return [(" ".join(map(key_name, keys)), description) for (_, description), keys in grouped.items()]


def keys_text(groups: Iterable[tuple[str, list[Binding]]], cannot: Mapping[str, str]) -> Text:
    """All keys of some groups, one line each; what cannot be done now has its reason below."""
    text = Text()
    for title, bindings in groups:
        rows = named_keys(bindings)
        reasons = {each.description: cannot[each.action] for each in bindings if each.action in cannot}
        if rows:
            text.append(f"{title}\n", "bold")
        for keys, description in rows:
            text.append(f"  {keys:<12} {description}\n")
            if description in reasons:
                text.append(f"  {'':<12} - not now: {reasons[description]}\n")
    return text


def key_name(key: str) -> str:
    """What is printed on a key."""
    return NAMES.get(key, key.upper() if len(key) > 1 else key)
