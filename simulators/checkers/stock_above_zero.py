"""No shelf was ever below zero, in any order in which the commands took effect."""

from collections.abc import Iterator

from simulators.checkers.base import Checker, Evidence, Finding


def judge(evidence: Evidence) -> Iterator[Finding]:
    """What took effect is added up from what people said; nothing is ever put back in these worlds."""
    left = {ref: body["fields"]["on_hand"] for ref, body in evidence.start.records.items() if _is_shelf(ref)}
    for command, each in evidence.effective().items():
        if each.kind == "part.consumed":
            left[each.payload["stock_item"]] -= each.payload["quantity"]
            if left[each.payload["stock_item"]] < 0:
                yield Finding(command, f"took what {each.payload['stock_item']} did not have")
    for ref, body in evidence.server.records.items():
        if _is_shelf(ref) and body["fields"]["on_hand"] < 0:
            yield Finding(ref, f"has {body['fields']['on_hand']}")


def _is_shelf(ref: str) -> bool:
    return ref.startswith("stock_item/")


CHECKER = Checker("stock-above-zero", judge)
