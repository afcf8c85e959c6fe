"""Names and ids that this laptop knows from its records, for the classifier to look for."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shared.ids import id_of
from shared.records import Record

#: Fields that hold a person's name, wherever they stand in a record.
_PEOPLE = frozenset({"assignee", "author", "requested_by", "decided_by", "contact", "asked_by"})
_CUSTOMERS = frozenset({"customer", "client"})


@dataclass(frozen=True, slots=True)
class Known:
    """Names of people and customers, and ids of records; sorted, each once."""

    people: tuple[str, ...]
    customers: tuple[str, ...]
    ids: tuple[str, ...]


def known_names(records: Iterable[Record], *others: str) -> Known:
    """What `records` name, and `others`, who are people. Whoever is ``a.okafor`` is looked for as *Okafor* too."""
    people, customers, ids = set(others), set(), set()
    for record in records:
        ids.add(id_of(record.ref))
        for name, value in _texts(record.fields):
            if name in _PEOPLE:
                people.add(value)
            elif name in _CUSTOMERS:
                customers.add(value)
    apart = {each.replace(".", " ").replace("_", " ") for each in people}
    return Known(tuple(sorted(people | apart)), tuple(sorted(customers)), tuple(sorted(ids)))


def _texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a record's fields, with the name of the field that it stands in."""
    if isinstance(value, str):
        if value:
            yield name, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner, name)
