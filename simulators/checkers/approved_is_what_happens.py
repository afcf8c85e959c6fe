"""Nobody closes safety-critical work alone: somebody else said yes to exactly that, at exactly that version."""

from collections.abc import Iterator

from simulators.checkers.base import Checker, Evidence, Finding
from simulators.evidence import Received


def judge(evidence: Evidence) -> Iterator[Finding]:
    """By the jobs as they were in the beginning, the answers that approvers signed for, and what they were asked."""
    stand_ins = evidence.stand_ins()
    given_as = {command: stand_in for stand_in, command in stand_ins.items()}
    for each in evidence.everything().values():
        closed = each.effective and each.id not in stand_ins and needs_a_yes(evidence, each)
        if closed and (why := _unapproved(evidence, each, given_as.get(each.id, each.id))):
            yield Finding(each.id, f"closed {each.command['record']}, and {why}")


def needs_a_yes(evidence: Evidence, each: Received) -> bool:
    """Whether its author alone may not do it: it closes a job that was safety-critical in the beginning."""
    job = evidence.start.records.get(each.command["record"])
    closes = each.command["kind"] == "status.changed" and each.command["payload"]["to"] == "closed"
    return closes and job is not None and job["fields"]["safety_critical"] is True


def _unapproved(evidence: Evidence, each: Received, asked_as: str) -> str | None:
    """What is missing; `asked_as` is the command that stood in its place, where a reviewer gave one."""
    ref, job = f"approval/{asked_as}", each.command["record"]
    question, asked = evidence.server.records.get(ref), evidence.here(asked_as)
    if question is None or asked is None or each.answer is None:
        return "nobody was asked"
    if not any(_says_yes(other, ref, asked) for other in evidence.everything().values()):
        return "nobody else had said yes"
    fields = question["fields"]
    if fields["command_hash"] != asked.hash:
        return "the yes was for other bytes"
    told = [(change["record"], change["field"], change["new"]) for change in fields["effect"]]
    if (job, "status", "closed") not in told or fields["versions"].get(job) != each.answer["versions"][job] - 1:
        return "the yes was for another effect"
    return None


def _says_yes(other: Received, question: str, asked: Received) -> bool:
    told = other.command
    answers = (told["kind"], told["record"]) == ("approval.decided", question) and other.effective
    return answers and told["payload"]["choice"] == "approve" and told["actor"] != asked.command["actor"]


CHECKER = Checker("approved-is-what-happens", judge)
