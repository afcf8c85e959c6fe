"""What reached the cluster was asked, allowed, approved and in time, under one live lease; a late answer counts not.

It is judged by what the cluster itself says reached it. The rule of the house is the shipped one: what is more
sensitive than internal goes nowhere without its author's consent, as they remember giving it, and what asks for more
than `COMPLEX_TOKENS` tokens needs an approval. What may cross after a consent was taken back is judged elsewhere
(`nothing_crosses_unpermitted`).
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from simulators.checkers.base import Checker, Evidence, Finding
from simulators.cluster import Reached, answer_text
from simulators.crossings import Asked, mark_of
from simulators.evidence import Received, ServerFile

COMPLEX_TOKENS = 2048
OPEN_CLASSES = frozenset({"public", "internal"})
#: A lease lasts at least this long from the moment at which a question leaves.
LEASE_S = 260.0

Runs = Mapping[tuple[int, str], list[Reached]]


def judge(evidence: Evidence) -> Iterator[Finding]:
    """Each question that came, the leases under which each came, and the answers that were written down."""
    for came in evidence.reached:
        if why := _out_of_place(evidence, came):
            yield Finding(came.task, f"reached the cluster, and {why}")
    runs: dict[tuple[int, str], list[Reached]] = {}
    for came in evidence.reached:
        runs.setdefault((came.life, came.task), []).append(came)
    for (_, task), each in runs.items():
        yield from _leases(task, each)
    yield from _answers(evidence, runs)


def _out_of_place(evidence: Evidence, came: Reached) -> str | None:
    effective = _of_its_life(evidence, came)
    if effective is None or not effective.effective:
        return "it is not settled" if effective else "nobody asked it"
    asked: Any = effective.command["payload"]
    if effective.command["kind"] != "assist.request":
        return f"it is a {effective.command['kind']}"
    if asked["data_class"] not in OPEN_CLASSES and not _agreed(evidence, came):
        return f"its class is {asked['data_class'] or 'unknown'}"
    if asked["output_tokens"] > COMPLEX_TOKENS and not _approved(evidence, effective, came.at):
        return "nobody had approved it"
    return "its time was over" if came.at >= _over_at(effective) else None


def _of_its_life(evidence: Evidence, came: Reached) -> Received | None:
    """The command as the server had it in the life that asked: another life measured the clock anew."""
    server = (*evidence.lives, evidence.server)[came.life]
    return server.received.get(came.task) or evidence.forgotten.get(came.task)


def _agreed(evidence: Evidence, came: Reached) -> bool:
    """Whether its author agreed, with this question or for its job. Taking it back may still be on its way."""
    people = [each for each in evidence.crossings if isinstance(each, Asked)]
    this = next((each for each in people if each.mark == mark_of(came.prompt.encode())), None)
    if this is None:
        return False
    for_job = [
        each for each in people if each.consent == "job" and (each.device, each.job) == (this.device, this.job)
    ]
    return this.consent is not None or bool(this.job and for_job)


def _approved(evidence: Evidence, asked: Received, at: datetime) -> bool:
    """Whether somebody else had said yes to exactly these bytes by then."""
    return any(_is_yes(file, asked, at) for file in (evidence.server, *evidence.lives))


def _is_yes(file: ServerFile, asked: Received, at: datetime) -> bool:
    found = file.records.get(f"approval/{asked.id}")
    if found is None or found["fields"]["status"] != "approved":
        return False
    fields, stamps = found["fields"], found["stamps"]
    given_at = datetime.fromisoformat(stamps.get("status", found["born"])["at"])
    bound = fields["command_hash"] == asked.hash and fields["decided_by"] not in (None, asked.command["actor"])
    return bound and given_at <= at


def _over_at(asked: Received) -> datetime:
    """When nobody needs it any more, by the server's clock."""
    told = [asked.command["expires_at"], asked.command["payload"].get("needed_by")]
    return min(datetime.fromisoformat(each) for each in told if each) - timedelta(seconds=asked.offset_s)


def _leases(task: str, runs: list[Reached]) -> Iterator[Finding]:
    for before, after in pairwise(runs):
        if after.fence <= before.fence:
            yield Finding(task, f"came under fence {before.fence}, and then under {after.fence}")
        ended = before.ended_at is not None and before.ended_at <= after.at
        if not ended and after.at < before.at + timedelta(seconds=LEASE_S):
            yield Finding(task, "ran under two live leases at once")


def _answers(evidence: Evidence, runs: Runs) -> Iterator[Finding]:
    """An answer is that of the last lease under which its question ever went, in one of the server's lives."""
    for ref, body in evidence.server.records.items():
        answer = body["fields"].get("answer") if ref.startswith("assist_task/") else None
        if answer is None:
            continue
        task = ref.partition("/")[2]
        last = [max(each, key=lambda run: run.fence) for (_, of), each in runs.items() if of == task]
        if not any(answer["text"] == answer_text(task, run.fence) for run in last):
            yield Finding(task, f"holds “{answer['text'][:80]}”, which its last lease did not bring")


CHECKER = Checker("unapproved-never-runs", judge)
