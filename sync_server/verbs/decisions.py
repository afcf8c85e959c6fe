"""The verbs about everything that waits for a person."""

from shared.commandline import Verb, argument
from sync_server.verbs import AS, HERE, OFFICE, TENANT, WHY

_SYSTEMS = "sync_server.systems.commands:"
_TASKS = "sync_server.cluster.queue.commands:"
_CONFLICT = argument("conflict", help="as conflict list names it")
_APPROVAL = argument("approval", help="as approval list names it")
_APART = argument("command", nargs="+", help="as quarantine list names it; may be several")
_REASON = argument("--reason", default="", help="why")
_SEEN = argument("--seen", type=int, metavar="VERSION", help="of the question, as you were shown it")

VERBS = (
    Verb(
        ("conflict", "list"),
        "Conflicts that wait for a decision.",
        f"{HERE}conflict_list",
        (argument("--all", action="store_true", help="the settled ones too"), TENANT),
    ),
    Verb(
        ("conflict", "show"),
        "One conflict, and what waits on the decision.",
        f"{OFFICE}conflict_show",
        (_CONFLICT, TENANT),
    ),
    Verb(
        ("conflict", "resolve"),
        "Decide what stands, for the whole conflict or field by field.",
        f"{HERE}conflict_resolve",
        (
            _CONFLICT,
            argument("--keep", choices=("mine", "theirs", "edit"), help="all that waits; mine is the device's value"),
            argument("--value", help="with --keep edit: what shall stand"),
            argument("--mine", action="append", default=[], metavar="FIELD", help="may be repeated"),
            argument("--theirs", action="append", default=[], metavar="FIELD", help="may be repeated"),
            argument("--edit", action="append", default=[], metavar="FIELD=VALUE", help="may be repeated"),
            argument("--reason", default="", help="for the author; it stays in the conflict"),
            argument(
                "--seen",
                action="append",
                default=[],
                metavar="[RECORD=]VERSION",
                help="of a record that you looked at since; may be repeated",
            ),
            AS,
            TENANT,
        ),
    ),
    Verb(
        ("conflict", "ask"),
        "Ask the technician; the conflict stays open until somebody decides.",
        f"{HERE}conflict_ask",
        (
            _CONFLICT,
            argument("question", help="in quotes"),
            argument("--field", help="the one that it is about"),
            AS,
            TENANT,
        ),
    ),
    Verb(
        ("conflict", "undo"),
        "Take a decision back: what stood before stands again, if nobody changed it since.",
        f"{HERE}conflict_undo",
        (
            _CONFLICT,
            argument("--field", action="append", default=[], help="only this one; may be repeated"),
            argument("--reason", default="", help="for the author; it stays in the conflict"),
            AS,
            TENANT,
        ),
    ),
    Verb(
        ("outgoing", "list"),
        "Writes to systems of record that are still on their way.",
        f"{_SYSTEMS}outgoing_list",
        (argument("--all", action="store_true", help="the settled ones too"), TENANT),
    ),
    Verb(
        ("parked", "list"),
        "Writes to systems of record that wait for a person.",
        f"{_SYSTEMS}parked_list",
        (argument("--all", action="store_true", help="the settled ones too"), TENANT),
    ),
    Verb(
        ("parked", "decide"),
        "Say what became of a parked write, or have it tried again.",
        f"{_SYSTEMS}parked_decide",
        (
            argument("command", help="as parked list names it"),
            argument("--it-happened", metavar="REF", help="the system did it, and calls it REF"),
            argument("--it-did-not", action="store_true", help="it did not happen, and shall not"),
            argument("--retry", action="store_true", help="it did not happen so far, and shall"),
            argument("--reason", required=True, help="how you know"),
            argument("--seen", type=int, metavar="VERSION", help="of the write, when you looked at it"),
            argument("--as", "--actor", dest="actor", required=True, metavar="PERSON", help="who does it"),
            TENANT,
        ),
    ),
    Verb(
        ("task", "list"),
        "Questions that wait for the cluster.",
        f"{_TASKS}task_list",
        (argument("--all", action="store_true", help="those that came to their end too"), TENANT),
    ),
    Verb(
        ("task", "show"),
        "One question: who asked, where it was decided to run, and the answer.",
        f"{_TASKS}task_show",
        (argument("task", help="as task list names it"), TENANT),
    ),
    Verb(
        ("approval", "list"),
        "Commands that wait for somebody else's yes.",
        f"{OFFICE}approval_list",
        (argument("--all", action="store_true", help="the answered ones too"), TENANT),
    ),
    Verb(
        ("approval", "show"),
        "What would happen, who asks, until when, and what waits on the answer.",
        f"{OFFICE}approval_show",
        (_APPROVAL, TENANT),
    ),
    Verb(
        ("approval", "approve"),
        "Say yes to exactly what is shown.",
        f"{OFFICE}approval_approve",
        (_APPROVAL, _REASON, _SEEN, AS, TENANT),
    ),
    Verb(
        ("approval", "refuse"),
        "Say no.",
        f"{OFFICE}approval_refuse",
        (_APPROVAL, _REASON, _SEEN, AS, TENANT),
    ),
    Verb(
        ("quarantine", "list"),
        "Commands that were set apart for review.",
        f"{OFFICE}quarantine_list",
        (argument("--device", help="only this one's"), TENANT),
    ),
    Verb(
        ("quarantine", "show"),
        "One of them: what it would do, why it is here, and what waits on it.",
        f"{OFFICE}quarantine_show",
        (argument("command", help="as quarantine list names it"), TENANT),
    ),
    Verb(
        ("quarantine", "release"),
        "Give commands their effect, in your name.",
        f"{OFFICE}quarantine_release",
        (_APART, WHY, AS, TENANT),
    ),
    Verb(
        ("quarantine", "dismiss"),
        "Reject commands; their author is told.",
        f"{OFFICE}quarantine_dismiss",
        (_APART, WHY, AS, TENANT),
    ),
)
