"""What `tailboard ask` does: a question runs where it may, and the answer says where that was.

What is tried is said on standard error while it happens; the answer is on standard output. Exit codes: 0 answered, or
saved to wait for an answer; 1 it may not run, or nothing that may run it could; 2 usage.
"""

import argparse
from collections.abc import Sequence
from typing import Any

from device.assist import Heard, Refused, Waiting
from device.bootstrap import Device
from device.commands import job_ref, teller, with_device_async
from device.plain import plain
from policies.explain import PLACES, listed
from shared.assist import Answer, Citation
from shared.commandline import Report, words_or_input
from shared.routing import DataClass


def asked(arguments: argparse.Namespace) -> Report:
    """Ask."""
    text = words_or_input(arguments.question)

    async def work(device: Device) -> Report:
        came = await device.assistant().ask(
            text,
            job=job_ref(arguments.job),
            purpose=arguments.purpose,
            declared=DataClass(arguments.data_class) if arguments.data_class else None,
            consent=arguments.consent,
            within_s=arguments.within,
            heard=Heard(say=teller(arguments)),
        )
        return _report(came)

    return with_device_async(arguments, work)


def _report(came: Answer | Waiting | Refused) -> Report:
    match came:
        case Answer():
            data = {"outcome": "answered", "badge": PLACES[came.route], "answer": came.model_dump(mode="json")}
            return Report("tailboard.ask.v1", data, _answer_lines(came))
        case Waiting(decision, command):
            data = _unanswered("waiting", came) | {"command": command.id}
            places = listed(decision.waits_for) or "the cluster"
            said = f"Saved on this device. The question waits for: {places}. See: tailboard outbox list"
            return Report("tailboard.ask.v1", data, [said, plain(decision.disclosure)])
        case Refused(_, why, advice):
            data = _unanswered("refused", came) | {"why": why, "advice": advice}
            return Report("tailboard.ask.v1", data, [plain(why), plain(advice)], ok=False)


def _answer_lines(answer: Answer) -> list[str]:
    moved = [
        f"{each.bytes_up} bytes of {each.data_class} data to {PLACES[each.boundary]}, {each.bytes_down} bytes back"
        for each in answer.moved
    ]
    return [
        f"[{PLACES[answer.route]}] {plain(answer.model)}, {answer.tier}, {answer.took_s:.1f} s",
        *(plain(line) for line in answer.text.splitlines()),
        *_cited(answer.citations),
        "",
        plain(answer.disclosure),
        f"Moved: {'; '.join(moved) or 'nothing'}.",
        *([plain(f"Not where it was meant to run: {answer.fallback}")] if answer.fallback else []),
    ]


def _cited(citations: Sequence[Citation]) -> list[str]:
    return [
        plain(f"  [{number}] {each.document}, revision {each.revision}, page {each.page}: “{each.quote}”")
        for number, each in enumerate(citations, start=1)
    ]


def _unanswered(outcome: str, came: Waiting | Refused) -> dict[str, Any]:
    return {
        "outcome": outcome,
        "badge": PLACES[came.decision.route],
        "decision": came.decision.model_dump(mode="json"),
        "attempts": [each.model_dump(mode="json") for each in came.attempts],
    }
