"""`tailboard`: the table of its verbs. Alone it opens the screen. What the verbs do is in `device.commands`."""

import sys
from argparse import SUPPRESS
from collections.abc import Sequence

from shared.commandline import FAULT, NO, Program, Verb, argument, run

_WHERE = (
    argument(
        "--home", metavar="DIR", help="the device's folder (default: the user's data folder, or TAILBOARD_HOME)"
    ),
    argument("--pin-file", metavar="FILE", help="read the PIN from here instead of asking"),
    argument("--no-input", action="store_true", help="ask nothing: what is missing is a mistake, for scripts"),
    argument(
        "--plain", action="store_true", help="plain lines in ASCII alone: for a screen reader or a braille line"
    ),
)
_HERE = "device.commands:"
_OUTBOX = "device.outbox_commands:"
_LIBRARY = "device.library_commands:"
_TRACE = "device.trace_commands:"
_MODEL = "device.model_commands:"
_READY = "device.ready_commands:"
_TASKS = "device.task_commands:"
_ROUTE = "device.route_commands:"
_PURPOSES = ("answer", "summarise", "complete")
_CLASSES = ("public", "internal", "personal", "restricted")
_QUESTION = argument("question", help="in quotes; - reads it from standard input")
_ABOUT = (
    argument("--job", metavar="WO", help="the job that it is about"),
    argument("--purpose", choices=_PURPOSES, default="answer", help="what it is for (default: %(default)s)"),
    argument(
        "--class",
        dest="data_class",
        choices=_CLASSES,
        help="what you say of the words; what is found in them may be more",
    ),
)
_ONE = argument("command", help="its id, or its number such as 7")
_JOB = argument("job", help="for example WO-1042")

PROGRAM = Program(
    name="tailboard",
    summary="The field assistant that works without a network. Called alone, it opens the screen.",
    examples="""  tailboard                              open the screen
  tailboard enrol http://sync.example:8750 ABCD-EFGH-JKMN
  tailboard jobs
  tailboard propose WO-1042 "replaced inlet filter, 4.2 bar now, done"
  tailboard note WO-1042 "gate code has changed, ask at reception"
  tailboard command part.ordered WO-1042 '{"stock_item": "stock_item/FLT-200", "quantity": 2}' --yes
  tailboard outbox --plain
  tailboard ready --json
  tailboard work offline
  tailboard sync --json
  tailboard trace export trace.json
  tailboard route explain "which filter fits?" --what-if link=down
  tailboard library search "seal plate torque"
  tailboard ask "which filter fits?" --job WO-1042""",
    common=_WHERE,
    verbs=(
        Verb(
            (),
            "Open the screen.",
            "device.screen_commands:screen",
            (argument("--in-browser", action="store_true", help=SUPPRESS),),
            reports=False,
        ),
        Verb(
            ("enrol",),
            "Make this laptop's keys here and enrol it with a one-time code.",
            f"{_HERE}enrol",
            (
                argument("url", help="the sync server, for example https://sync.example"),
                argument("code", help="from the office, good once"),
                argument(
                    "--name", default="", help="what the office shall call this laptop (default: its host name)"
                ),
            ),
        ),
        Verb(("jobs",), "The work orders, open ones first.", f"{_HERE}jobs"),
        Verb(("job",), "One work order with its history.", f"{_HERE}job", (_JOB,)),
        Verb(
            ("propose",),
            "What the assistant makes of a sentence; with --confirm, save it.",
            f"{_HERE}propose",
            (
                _JOB,
                argument("sentence", help="in quotes"),
                argument("--confirm", action="store_true", help="save what can be confirmed"),
            ),
        ),
        Verb(
            ("command",),
            "Any kind of command, typed: say what it would change; with --yes, save it.",
            f"{_HERE}typed",
            (
                argument("kind", help="for example part.ordered"),
                argument("record", help="for example WO-1042 or asset/PU-17; new for a new work order"),
                argument("payload", help="a JSON object; - reads it from standard input"),
                argument("--yes", action="store_true", help="save exactly this; without it, nothing happens"),
            ),
        ),
        Verb(
            ("note",),
            "Save a sentence as a note. Needs no model.",
            f"{_HERE}note",
            (_JOB, argument("sentence", help="in quotes")),
        ),
        Verb(
            ("attach",),
            "Attach a photo or another file to a job; it is sent after everything smaller.",
            f"{_HERE}attach",
            (_JOB, argument("file", help="at most 25 MiB")),
        ),
        Verb(
            ("fetch",),
            "Write a job's file to a folder of this laptop, from the server if it is not here yet.",
            f"{_HERE}fetch",
            (
                _JOB,
                argument("name", help="as `tailboard job` lists it"),
                argument("--to", metavar="DIR", default=".", help="default: the current folder"),
            ),
        ),
        Verb(
            ("question", "list"),
            "What the office asks, and what was answered.",
            f"{_HERE}questions",
        ),
        Verb(
            ("question", "answer"),
            "Answer the office.",
            f"{_HERE}answer",
            (argument("question", help="its id, or the number in the list"), argument("text", help="in quotes")),
        ),
        Verb(("outbox",), "Every command and where it stands.", f"{_OUTBOX}listed"),
        Verb(("outbox", "list"), "Every command and where it stands.", f"{_OUTBOX}listed"),
        Verb(("outbox", "show"), "All about one command.", f"{_OUTBOX}shown", (_ONE,)),
        Verb(
            ("outbox", "check"),
            "What would become of what is not settled, as far as this laptop knows.",
            f"{_OUTBOX}checked",
            (argument("--online", action="store_true", help="ask the server; nothing is sent for good"),),
        ),
        Verb(
            ("outbox", "withdraw"),
            "Take back what was not sent yet, with all that rests on it.",
            f"{_OUTBOX}withdrawn",
            (argument("commands", nargs="+", metavar="COMMAND", help="ids, or numbers such as 7"),),
        ),
        Verb(("outbox", "reissue"), "Give again what came back, as a new command.", f"{_OUTBOX}reissued", (_ONE,)),
        Verb(("outbox", "drop"), "Note that what came back is dealt with.", f"{_OUTBOX}dropped", (_ONE,)),
        Verb(
            ("outbox", "export"),
            "Write everything that is not settled to a file for the office.",
            f"{_OUTBOX}exported",
            (argument("file", help="for example on a USB stick"),),
        ),
        Verb(
            ("outbox", "import"),
            "Read the office's answer to such a file.",
            f"{_OUTBOX}imported",
            (argument("file", help="the answer, as the office gave it back"),),
        ),
        Verb(
            ("work",),
            "Work offline or online from now on.",
            f"{_HERE}work",
            (argument("link", choices=("offline", "online"), help="it stays so until the other is said"),),
        ),
        Verb(("sync",), "Send what is saved and fetch what is new, now.", f"{_HERE}sync"),
        Verb(
            ("trace", "export"),
            "Write what queue and link were like to a file, without anybody's words: for tailboard-sim replay.",
            f"{_TRACE}exported",
            (argument("file", help="a new JSON file"),),
        ),
        Verb(
            ("ask",),
            "Ask a question: it runs where the policies let it, and the answer says where. 0: answered or saved to "
            "wait; 1: it ran nowhere.",
            "device.ask_commands:asked",
            (
                _QUESTION,
                *_ABOUT,
                argument("--consent", choices=("once", "job"), help="agree that it leaves this laptop, if it must"),
                argument("--within", type=float, metavar="SECONDS", help="how long you wait for the answer"),
            ),
        ),
        Verb(
            ("task", "list"),
            "Your questions that wait for an answer.",
            f"{_TASKS}listed",
            (argument("--all", action="store_true", help="also what came to its end, and other people's"),),
        ),
        Verb(
            ("task", "cancel"),
            "Give a question up: what waits does not run, what runs is stopped.",
            f"{_TASKS}cancelled",
            (argument("task", help="as `tailboard task list` shows it"),),
        ),
        Verb(
            ("route", "explain"),
            "Where a question would run, and why nowhere else. Nothing runs, and nothing is recorded.",
            f"{_ROUTE}explained",
            (
                _QUESTION,
                *_ABOUT,
                argument("--what-if", default="", metavar="FACTS", help="for example link=down,model=none"),
            ),
        ),
        Verb(
            ("library", "list"),
            "The manuals on this laptop, and how far each is.",
            f"{_LIBRARY}listed",
        ),
        Verb(
            ("library", "search"),
            "The pages that come nearest to some words. Needs no model and no network.",
            f"{_LIBRARY}searched",
            (
                argument("text", help="in quotes; - reads it from standard input"),
                argument("--most", type=int, default=5, metavar="N", help="how many (default: %(default)s)"),
            ),
        ),
        Verb(
            ("library", "index"),
            "Read what came and was not read yet; may be stopped at any time, and goes on there.",
            f"{_LIBRARY}indexed",
        ),
        Verb(
            ("library", "open"),
            "One page of a manual.",
            f"{_LIBRARY}opened",
            (
                argument("document", help="as library list names it"),
                argument("page", type=int, nargs="?", default=1, help="default: %(default)s"),
            ),
        ),
        Verb(("consent", "list"), "What you agreed to, and what is left of it.", f"{_ROUTE}consents"),
        Verb(
            ("consent", "show"),
            "What a consent would let leave for a question, to the last line. Nothing leaves, nothing is recorded.",
            f"{_ROUTE}offered",
            (_QUESTION, *_ABOUT),
        ),
        Verb(
            ("consent", "give"),
            "Agree that a job's questions may leave this laptop.",
            f"{_ROUTE}given",
            (
                _JOB,
                argument(
                    "--to",
                    choices=("private_cluster", "managed_cloud"),
                    default="private_cluster",
                    help="which place they may go to (default: %(default)s)",
                ),
                argument(
                    "--class", dest="data_class", choices=_CLASSES, default="personal", help="up to which class"
                ),
                argument("--purpose", choices=_PURPOSES, default="answer", help="for what (default: %(default)s)"),
                argument("--hours", type=float, default=12, help="how long it holds (default: %(default)s)"),
            ),
        ),
        Verb(
            ("consent", "revoke"),
            "Take a consent back, from now on.",
            f"{_ROUTE}revoked",
            (argument("id", help="as `tailboard consent list` shows it"),),
        ),
        Verb(
            ("consent", "never"),
            "Never ask for a consent for a place; what was agreed to for it is taken back.",
            f"{_ROUTE}never",
            (
                argument("--to", choices=("private_cluster", "managed_cloud"), required=True, help="which place"),
                argument("--undo", action="store_true", help="ask again from now on"),
            ),
        ),
        Verb(
            ("evidence", "list"),
            "What was decided about each question, newest first.",
            f"{_ROUTE}decided",
            (argument("--most", type=int, default=20, metavar="N", help="how many (default: %(default)s)"),),
        ),
        Verb(
            ("evidence", "show"),
            "Why an answer ran where it ran: the decision with every why-not, the attempts, what moved.",
            f"{_ROUTE}reasons",
            (argument("decision", help="its hash, or the beginning of it, as evidence list shows it"),),
        ),
        Verb(
            ("evidence", "verify"),
            "Whether everything that was decided here is still as it was written down; needs no network.",
            f"{_ROUTE}verified",
        ),
        Verb(
            ("evidence", "metadata"),
            "What of it the organisation may be told: times, sizes and words of closed lists.",
            f"{_ROUTE}metadata",
        ),
        Verb(
            ("evidence", "summary"),
            "What was decided and done here, counted: routes, refusals, fallbacks, consents, bytes.",
            f"{_ROUTE}summary",
        ),
        Verb(
            ("evidence", "spans"),
            "Write what was decided and done as OpenTelemetry spans, without anybody's words.",
            f"{_ROUTE}spans",
            (argument("file", help="a new JSON file (OTLP)"),),
        ),
        Verb(("model", "list"), "The models that this laptop knows of, and how each stands.", f"{_MODEL}listed"),
        Verb(
            ("model", "add"),
            "Copy a model's file in. It is not used before it was evaluated and promoted.",
            f"{_MODEL}added",
            (argument("file", help="a GGUF file"),),
        ),
        Verb(
            ("model", "eval"),
            "Try a model in the suites; no is the answer if it does not pass.",
            f"{_MODEL}evaluated",
            (argument("model", nargs="?", help="its name, number or hash (default: the one that is used)"),),
        ),
        Verb(
            ("model", "promote"),
            "Use a model that passed from now on; the one before stays as the last good one.",
            f"{_MODEL}promoted",
            (argument("model", help="its name, number or hash; see: tailboard model list"),),
        ),
        Verb(("model", "rollback"), "Use the last good model again.", f"{_MODEL}rolled_back"),
        Verb(
            ("ready",),
            "Whether everything that today's jobs need is on this laptop. 0: ready; 1: something is missing.",
            f"{_READY}ready",
            (
                argument(
                    "--fetch", action="store_true", help="fetch what is missing first; may be stopped at any time"
                ),
            ),
        ),
        Verb(
            ("serve",),
            "The screen in a browser on this machine, FOR TRAINING: loopback only, with a token for each run.",
            "device.serve_commands:serve",
            (
                argument(
                    "--port", type=int, default=8765, help="on 127.0.0.1; 0 takes any free one (default: %(default)s)"
                ),
            ),
            reports=False,
        ),
        Verb(("status",), "Link, age of the data, outbox, model, policy.", f"{_HERE}status"),
    ),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run `tailboard`; the exit code."""
    return run(PROGRAM, argv, faults)


def faults(error: Exception) -> int | None:
    """The exit code for a fault that is a sentence for a person; None for a bug."""
    errors = sys.modules.get("device.errors")
    if errors and isinstance(error, errors.DeviceError):
        return NO if isinstance(error, errors.LocalError | errors.RemoteError) else FAULT
    return FAULT if isinstance(error, OSError) else None


if __name__ == "__main__":
    sys.exit(main())
