"""Records as they were read from their JSON, or written as it: the same text is not read twice.

What is kept is asked for by the whole text, so nothing in it can be out of date: a row that somebody else wrote
since, or that was rolled back, has another text and is read. Rounds of a backlog come back to the same records again
and again, and reading one takes longer than anything else that is done with it.
"""

from collections import OrderedDict
from threading import Lock

from pydantic_core import from_json

from shared.records import Record, record_from_json

#: About so many characters of JSON are kept; what was read from them takes some four times as much.
CHARS_KEPT = 4 << 20


class ReadRecords:
    """The records used last, by tenant and reference, each with its text. Threads may share it."""

    def __init__(self, chars_max: int = CHARS_KEPT) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[str, Record]] = OrderedDict()
        self._chars, self._chars_max, self._lock = 0, chars_max, Lock()

    def read(self, tenant: str, ref: str, body: str) -> Record:
        """The record `ref`, whose JSON is `body`."""
        kept = self._kept.get((tenant, ref))
        if kept and kept[0] == body:
            return kept[1]
        record = read_record(body)
        self.keep(tenant, record, body)
        return record

    def keep(self, tenant: str, record: Record, body: str) -> None:
        """From now on `body` need not be read: it says `record`."""
        with self._lock:
            before = self._kept.pop((tenant, record.ref), None)
            self._kept[tenant, record.ref] = body, record
            self._chars += len(body) - (len(before[0]) if before else 0)
            while self._chars > self._chars_max:
                _, (oldest, _) = self._kept.popitem(last=False)
                self._chars -= len(oldest)


def read_record(body: str) -> Record:
    """The record whose JSON is `body`."""
    # names come again in every record; what is written under them seldom does
    return record_from_json(from_json(body, cache_strings="keys"))
