"""Every command has its effect once: by entries, the shelf, who set a field last, and who made which version."""

from collections import Counter
from collections.abc import Iterator

from simulators.checkers.base import Checker, Evidence, Finding
from simulators.checkers.entries import entries_of, entry_wanted
from simulators.checkers.settings import settings_of

_OF_THE_SERVERS_OWN = ("approval/", "external_write/")


def judge(evidence: Evidence) -> Iterator[Finding]:
    """Nothing is missing, nothing is there twice, nothing is there that nobody said."""
    yield from _entries(evidence)
    yield from _shelf(evidence)
    yield from _fields(evidence)
    yield from _versions(evidence)


def _entries(evidence: Evidence) -> Iterator[Finding]:
    before = Counter(entries_of(evidence.start.records))
    given_for = evidence.stand_ins()
    standing = ((name, given_for.get(by, by), says) for name, by, says in entries_of(evidence.server.records))
    there = Counter(standing) - before
    said = evidence.effective().items()
    wanted = Counter(entry for command, each in said if (entry := entry_wanted(command, each)))
    for name, command, _ in wanted - there:
        yield Finding(command, f"its {name} does not stand there as it was said")
    for name, command, _ in there - wanted:
        yield Finding(command, f"a {name} too many")


def _shelf(evidence: Evidence) -> Iterator[Finding]:
    used: Counter[str] = Counter()
    for each in evidence.effective().values():
        if each.kind == "part.consumed":
            used[each.payload["stock_item"]] += each.payload["quantity"]
    for ref, before in evidence.start.records.items():
        if ref.startswith("stock_item/") and ref in evidence.server.records:
            off = before["fields"]["on_hand"] - used[ref] - evidence.server.records[ref]["fields"]["on_hand"]
            if off:
                yield Finding(ref, f"{off:+d} taken from the shelf beyond what took effect")


def _fields(evidence: Evidence) -> Iterator[Finding]:
    for (ref, field), there in settings_of(evidence).items():
        last, stands = there[-1], evidence.server.records[ref]["fields"][field]
        if stands != last.value:
            yield Finding(last.command, f"was the last to set the {field} of {ref}, and another value stands there")


def _versions(evidence: Evidence) -> Iterator[Finding]:
    """Each version of a record was made by one command, and each command's version is there.

    Questions to approvers and writes to other systems move without a command as well.
    """
    makers: Counter[tuple[str, int]] = Counter()
    stand_ins = evidence.stand_ins()  # each shares the outcome of the one that it stands for
    for each in evidence.everything().values():
        if each.answer and each.id not in evidence.start.received and each.id not in stand_ins:
            makers.update(each.answer["versions"].items())
    for (ref, version), count in makers.items():
        if count > 1:
            yield Finding(ref, f"{count} commands made its version {version}")
    for ref, body in evidence.server.records.items():
        if ref.startswith(_OF_THE_SERVERS_OWN):
            continue
        before = evidence.start.records.get(ref, {"version": 0})["version"]
        made = sum(maker == ref for maker, _ in makers)
        if body["version"] != before + made:
            yield Finding(ref, f"is at version {body['version']}, and {made} commands changed it since {before}")


CHECKER = Checker("one-effect", judge)
