"""`tailboard-server`: the table of its verbs. What they do is in `sync_server.commands`."""

import sys
from collections.abc import Sequence

from shared.commandline import FAULT, NO, Program, Verb, argument, run

_TENANT = argument("--tenant", help="which organisation; needed only if there are several")
_AS = argument("--as", dest="actor", required=True, metavar="PERSON", help="who does it")
_WHERE = (
    argument(
        "--home", metavar="DIR", help="the server's folder (default: ./tailboard-server, or TAILBOARD_SERVER_HOME)"
    ),
    argument("--database", metavar="URL", help="SQLAlchemy URL (default: SQLite in the home folder)"),
)
_HERE = "sync_server.commands:"
_SYSTEMS = "sync_server.systems.commands:"
_TASKS = "sync_server.cluster.queue.commands:"
_DOCUMENTS = "sync_server.document_commands:"
_OFFICE = "sync_server.office.commands:"
_DEVICE = argument("device", help="for example TB-01; see: device list")
_PERSON = argument("person", help="short name, such as a.okafor")
_CONFLICT = argument("conflict", help="as conflict list names it")
_APPROVAL = argument("approval", help="as approval list names it")
_APART = argument("command", nargs="+", help="as quarantine list names it; may be several")
_WHY = argument("--reason", required=True, help="why; it stays in the audit")
_REASON = argument("--reason", default="", help="why")
_SEEN = argument("--seen", type=int, metavar="VERSION", help="of the question, as you were shown it")
_CLUSTER = "sync_server.cluster.commands:"
_CLIENT = argument("client", help="short name, such as cmms-assistant")
_MAINTENANCE = "sync_server.maintenance_commands:"
_ACCOUNTS = "sync_server.account_commands:"
_TELEMETRY = "sync_server.telemetry.commands:"
_POLICY = "sync_server.policy_commands:"
_VOCABULARY = "sync_server.vocabulary_commands:"
_BUNDLE = argument(
    "bundle", nargs="?", help="its folder, or the file it was packed into (default: the one that ships)"
)
_UPDATES = "sync_server.update_commands:"
_MODELS = "sync_server.model_commands:"
_MODEL = argument("model", type=int, help="its number; see: model list")
_EMBEDDED_OR_FILE = "embedded|FILE"
_CLUSTER_FILE = argument("--cluster", metavar=_EMBEDDED_OR_FILE, help="what serve --cluster is told")
_NUMBER = argument("version", type=int, help="the bundle's number; see: policy list")

PROGRAM = Program(
    name="tailboard-server",
    summary="The sync server: authoritative records, outcomes, conflicts, devices.",
    examples="""  tailboard-server init --tenant harrow --name "Harrow Valley Water"
  tailboard-server person add m.reyes --name "M. Reyes" --role dispatcher --role resolver
  tailboard-server enrol-code a.okafor
  tailboard-server import stock_item stock.csv --as m.reyes --apply
  tailboard-server serve --port 8750
  tailboard-server conflict list --json""",
    common=_WHERE,
    verbs=(
        Verb(
            ("init",),
            "Make a server here, or add an organisation to it; a second run changes nothing.",
            f"{_HERE}init",
            (
                argument("--tenant", required=True, help="short name: letters, digits, . _ -"),
                argument("--name", required=True, help="the organisation's name"),
            ),
        ),
        Verb(
            ("serve",),
            "Run the server until it is told to stop.",
            f"{_HERE}serve",
            (
                argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"),
                argument("--port", type=int, default=8750, help="0 takes a free one (default: %(default)s)"),
                argument(
                    "--cluster",
                    metavar=_EMBEDDED_OR_FILE,
                    help="answer questions too: with the model that ships, or with those that a cluster.toml names",
                ),
                argument(
                    "--log-level",
                    default="info",
                    choices=("debug", "info", "warning", "error"),
                    help="of the log on standard error",
                ),
            ),
        ),
        Verb(
            ("person", "add"),
            "Add somebody, or change name, roles and teams.",
            f"{_HERE}person_add",
            (
                _PERSON,
                argument("--name", required=True, help="as people write it"),
                argument(
                    "--role",
                    action="append",
                    required=True,
                    choices=("technician", "dispatcher", "resolver", "approver", "admin", "auditor"),
                    help="may be repeated",
                ),
                argument("--team", action="append", metavar="TEAM", help="sees this team's work; may be repeated"),
                argument("--all-teams", action="store_true", help="sees everything (so does somebody new)"),
                argument("--as", dest="actor", metavar="PERSON", help="the admin who does it, for the audit"),
                _TENANT,
            ),
        ),
        Verb(("person", "list"), "Everybody and their roles.", f"{_HERE}person_list", (_TENANT,)),
        Verb(
            ("account", "set"),
            "Let a person sign in at the console, with a new password; where they are signed in, they no longer are.",
            f"{_ACCOUNTS}account_set",
            (
                _PERSON,
                argument("--password", metavar="FILE", help="read it from a file's first line; - for standard input"),
                argument("--as", dest="actor", metavar="PERSON", help="the admin who does it, for the audit"),
                _TENANT,
            ),
        ),
        Verb(("account", "list"), "Who may sign in at the console.", f"{_ACCOUNTS}account_list", (_TENANT,)),
        Verb(
            ("account", "close"),
            "A person can no longer sign in, and is signed out everywhere.",
            f"{_ACCOUNTS}account_close",
            (
                _PERSON,
                argument("--as", dest="actor", metavar="PERSON", help="the admin who does it, for the audit"),
                _TENANT,
            ),
        ),
        Verb(
            ("enrol-code",),
            "A one-time code, good for a day, for a person's new device.",
            f"{_HERE}enrol_code",
            (_PERSON, _TENANT),
        ),
        Verb(("device", "list"), "Every enrolled device and how it is doing.", f"{_OFFICE}device_list", (_TENANT,)),
        Verb(
            ("device", "show"),
            "One device, its epochs, and what it last said of itself.",
            f"{_OFFICE}device_show",
            (_DEVICE, _TENANT),
        ),
        Verb(
            ("device", "revoke"),
            "From now on a device may only upload, and what it brings is kept for review.",
            f"{_OFFICE}device_revoke",
            (_DEVICE, _WHY, _AS, _TENANT),
        ),
        Verb(
            ("device", "readmit"),
            "A revoked or forked device syncs again, in a new epoch.",
            f"{_OFFICE}device_readmit",
            (_DEVICE, _WHY, _AS, _TENANT),
        ),
        Verb(
            ("outbox", "import"),
            "Do what the file of a device without a network says, and write the answer for it.",
            f"{_OFFICE}outbox_import",
            (
                argument("file", help="as tailboard outbox export wrote it"),
                argument("--answer", metavar="FILE", help="default: FILE.answer beside it"),
            ),
        ),
        Verb(
            ("client", "add"),
            "Let a program ask the models, and show its key once.",
            f"{_CLUSTER}client_add",
            (
                _CLIENT,
                argument(
                    "--data-class",
                    default="internal",
                    choices=("public", "internal", "personal", "restricted"),
                    help="its words are at least this sensitive (default: %(default)s)",
                ),
                _AS,
                _TENANT,
            ),
        ),
        Verb(
            ("client", "list"),
            "Every program that may ask the models, or might.",
            f"{_CLUSTER}client_list",
            (_TENANT,),
        ),
        Verb(
            ("client", "revoke"),
            "A program may ask no more, within seconds.",
            f"{_CLUSTER}client_revoke",
            (_CLIENT, _AS, _TENANT),
        ),
        Verb(
            ("tenant", "set-newest"),
            "Name the fields in which the later of two edits stands; all others become conflicts.",
            f"{_OFFICE}tenant_set_newest",
            (argument("field", nargs="*", metavar="KIND.FIELD", help="none: every field asks"), _AS, _TENANT),
        ),
        Verb(
            ("key", "rotate"),
            "Hand over to a new receipt key, under the old one's signature.",
            f"{_OFFICE}key_rotate",
            (_WHY, _AS, _TENANT),
        ),
        Verb(
            ("sample", "load"),
            "Load the sample organisation's people, assets, stock, work orders and manuals.",
            f"{_HERE}sample_load",
            (_TENANT,),
        ),
        Verb(
            ("document", "add"),
            "Give laptops a manual to answer from, or a newer revision of one.",
            f"{_DOCUMENTS}added",
            (
                argument("file", help="Markdown, plain text or PDF, at most 64 MiB"),
                argument("--id", help="its short name (default: as the file says, or is called)"),
                argument("--title", help="as people call it (default: as the file says, or is called)"),
                argument("--revision", help="for example 7, or 2026-03 (default: as the file says, or 1)"),
                argument(
                    "--class",
                    dest="data_class",
                    choices=("public", "internal", "personal", "restricted"),
                    help="how sensitive its words are (default: as the file says, or internal)",
                ),
                argument("--for", dest="team", metavar="TEAM", help="only this team gets it (default: everybody)"),
                argument("--valid-until", metavar="DAY", help="the last day on which it counts, such as 2027-12-31"),
                _AS,
                _TENANT,
            ),
        ),
        Verb(("document", "list"), "Every document and for whom it is.", f"{_DOCUMENTS}listed", (_TENANT,)),
        Verb(
            ("document", "withdraw"),
            "From now on no laptop answers from a document.",
            f"{_DOCUMENTS}withdrawn",
            (argument("document", help="as document list names it"), _WHY, _AS, _TENANT),
        ),
        Verb(
            ("import",),
            "Say what a CSV file would change; with --apply, change it.",
            f"{_HERE}import_file",
            (
                argument("kind", help="asset, stock_item or work_order"),
                argument("file", help="CSV with a header line, in UTF-8"),
                argument("--apply", action="store_true", help="do it; without this, only say what would be done"),
                argument("--overwrite", action="store_true", help="also set states and counts of existing records"),
                _AS,
                _TENANT,
            ),
        ),
        Verb(
            ("record",),
            "The Runtime Decision Record: what runs where, what may move, and what happens when that fails.",
            "sync_server.record_commands:runtime_record",
            (_CLUSTER_FILE, _TENANT),
        ),
        Verb(
            ("record", "list"),
            "Every record of a kind.",
            f"{_HERE}record_list",
            (
                argument(
                    "kind",
                    help="asset, work_order, stock_item, reading, conflict, approval, external_write, assist_task, "
                    "document",
                ),
                _TENANT,
            ),
        ),
        Verb(
            ("record", "show"),
            "One record with its fields and who last changed each.",
            f"{_HERE}record_show",
            (argument("record", help="for example work_order/WO-1042"), _TENANT),
        ),
        Verb(
            ("record", "set"),
            "Set one editable field.",
            f"{_HERE}record_set",
            (
                argument("record", help="for example WO-1042 or asset/PUMP-7"),
                argument("field", help="for example priority"),
                argument("value", help="as text, or as JSON where the field holds no text"),
                _AS,
                _TENANT,
            ),
        ),
        Verb(
            ("command",),
            "Give any kind of command; it takes effect at once if it can.",
            f"{_HERE}command",
            (
                argument("kind", help="for example work_order.assigned"),
                argument("record", help="for example WO-1042 or asset/PU-17; new for a new work order"),
                argument("payload", help="a JSON object; - reads it from standard input"),
                argument("--seen", type=int, metavar="VERSION", help="of the record, if it may have changed since"),
                _AS,
                _TENANT,
            ),
        ),
        Verb(
            ("conflict", "list"),
            "Conflicts that wait for a decision.",
            f"{_HERE}conflict_list",
            (argument("--all", action="store_true", help="the settled ones too"), _TENANT),
        ),
        Verb(
            ("conflict", "show"),
            "One conflict, and what waits on the decision.",
            f"{_OFFICE}conflict_show",
            (_CONFLICT, _TENANT),
        ),
        Verb(
            ("conflict", "resolve"),
            "Decide what stands, for the whole conflict or field by field.",
            f"{_HERE}conflict_resolve",
            (
                _CONFLICT,
                argument(
                    "--keep", choices=("mine", "theirs", "edit"), help="all that waits; mine is the device's value"
                ),
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
                _AS,
                _TENANT,
            ),
        ),
        Verb(
            ("conflict", "ask"),
            "Ask the technician; the conflict stays open until somebody decides.",
            f"{_HERE}conflict_ask",
            (
                _CONFLICT,
                argument("question", help="in quotes"),
                argument("--field", help="the one that it is about"),
                _AS,
                _TENANT,
            ),
        ),
        Verb(
            ("conflict", "undo"),
            "Take a decision back: what stood before stands again, if nobody changed it since.",
            f"{_HERE}conflict_undo",
            (
                _CONFLICT,
                argument("--field", action="append", default=[], help="only this one; may be repeated"),
                argument("--reason", default="", help="for the author; it stays in the conflict"),
                _AS,
                _TENANT,
            ),
        ),
        Verb(
            ("outgoing", "list"),
            "Writes to systems of record that are still on their way.",
            f"{_SYSTEMS}outgoing_list",
            (argument("--all", action="store_true", help="the settled ones too"), _TENANT),
        ),
        Verb(
            ("parked", "list"),
            "Writes to systems of record that wait for a person.",
            f"{_SYSTEMS}parked_list",
            (argument("--all", action="store_true", help="the settled ones too"), _TENANT),
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
                _TENANT,
            ),
        ),
        Verb(
            ("task", "list"),
            "Questions that wait for the cluster.",
            f"{_TASKS}task_list",
            (argument("--all", action="store_true", help="those that came to their end too"), _TENANT),
        ),
        Verb(
            ("task", "show"),
            "One question: who asked, where it was decided to run, and the answer.",
            f"{_TASKS}task_show",
            (argument("task", help="as task list names it"), _TENANT),
        ),
        Verb(
            ("approval", "list"),
            "Commands that wait for somebody else's yes.",
            f"{_OFFICE}approval_list",
            (argument("--all", action="store_true", help="the answered ones too"), _TENANT),
        ),
        Verb(
            ("approval", "show"),
            "What would happen, who asks, until when, and what waits on the answer.",
            f"{_OFFICE}approval_show",
            (_APPROVAL, _TENANT),
        ),
        Verb(
            ("approval", "approve"),
            "Say yes to exactly what is shown.",
            f"{_OFFICE}approval_approve",
            (_APPROVAL, _REASON, _SEEN, _AS, _TENANT),
        ),
        Verb(
            ("approval", "refuse"),
            "Say no.",
            f"{_OFFICE}approval_refuse",
            (_APPROVAL, _REASON, _SEEN, _AS, _TENANT),
        ),
        Verb(
            ("quarantine", "list"),
            "Commands that were set apart for review.",
            f"{_OFFICE}quarantine_list",
            (argument("--device", help="only this one's"), _TENANT),
        ),
        Verb(
            ("quarantine", "show"),
            "One of them: what it would do, why it is here, and what waits on it.",
            f"{_OFFICE}quarantine_show",
            (argument("command", help="as quarantine list names it"), _TENANT),
        ),
        Verb(
            ("quarantine", "release"),
            "Give commands their effect, in your name.",
            f"{_OFFICE}quarantine_release",
            (_APART, _WHY, _AS, _TENANT),
        ),
        Verb(
            ("quarantine", "dismiss"),
            "Reject commands; their author is told.",
            f"{_OFFICE}quarantine_dismiss",
            (_APART, _WHY, _AS, _TENANT),
        ),
        Verb(
            ("vocabulary", "learn"),
            "Learn the organisation's shorthand from notes and their normal forms.",
            f"{_VOCABULARY}learn",
            (
                argument("file", help="a word, a tab and its normal form a line, an empty line between notes"),
                argument("--output", metavar="FILE", help="keep the vocabulary here"),
                argument(
                    "--folds", type=int, default=5, metavar="N", help="parts to check with (default: %(default)s)"
                ),
            ),
        ),
        Verb(
            ("vocabulary", "publish"),
            "Give a learned vocabulary to the laptops.",
            f"{_VOCABULARY}publish",
            (argument("file", help="what vocabulary learn kept"), _AS, _TENANT),
        ),
        Verb(("vocabulary", "list"), "Which vocabularies are published.", f"{_VOCABULARY}listed", (_TENANT,)),
        Verb(
            ("policy", "publish"),
            "Publish a policy bundle; it is in force nowhere until it is rolled out.",
            f"{_UPDATES}publish",
            (
                argument("folder", help="with manifest.toml, boundary.cedar, boundary.cedarschema, routes.toml"),
                _AS,
                _TENANT,
            ),
        ),
        Verb(("policy", "list"), "What is published, and where it is rolled out.", f"{_UPDATES}listed", (_TENANT,)),
        Verb(
            ("policy", "rollout"),
            "Put a bundle in the shadow or in force, for everything or for some.",
            f"{_UPDATES}rollout",
            (
                _NUMBER,
                argument("--shadow", action="store_true", help="decide and log it only; never followed"),
                argument("--force", action="store_true", help="follow it"),
                argument(
                    "--workload",
                    action="append",
                    default=[],
                    choices=("propose", "answer", "summarise", "complete"),
                    help="only this kind of task; may be repeated",
                ),
                argument(
                    "--risk",
                    action="append",
                    default=[],
                    choices=("public", "internal", "personal", "restricted"),
                    help="only data of this class; may be repeated",
                ),
                argument(
                    "--group",
                    action="append",
                    default=[],
                    metavar="DEVICE|TEAM",
                    help="only this device, or those of this team as it is now; may be repeated",
                ),
                _WHY,
                _AS,
                _TENANT,
            ),
        ),
        Verb(
            ("model", "publish"),
            "Publish a model's file for laptops; it is rolled out nowhere until you say so.",
            f"{_MODELS}publish",
            (
                argument("file", help="a GGUF file"),
                argument("--name", required=True, help="short name: letters, digits, . _ -"),
                argument("--licence", required=True, help="for example Apache-2.0"),
                argument(
                    "--tier",
                    choices=("basic", "standard", "high"),
                    default="basic",
                    help="how good its answers are (default: %(default)s)",
                ),
                argument("--evals", metavar="FILE", help="the report of: tailboard model eval --json"),
                _AS,
                _TENANT,
            ),
        ),
        Verb(
            ("model", "list"), "The models for laptops, and where each is rolled out.", f"{_MODELS}listed", (_TENANT,)
        ),
        Verb(
            ("model", "rollout"),
            "Put a model in the shadow or in force, for every laptop or for some.",
            f"{_MODELS}rollout",
            (
                _MODEL,
                argument("--shadow", action="store_true", help="fetch and evaluate it only; never used"),
                argument("--force", action="store_true", help="use it on every laptop where it passes"),
                argument(
                    "--group",
                    action="append",
                    default=[],
                    metavar="DEVICE|TEAM",
                    help="only this device, or those of this team as it is now; may be repeated",
                ),
                _WHY,
                _AS,
                _TENANT,
            ),
        ),
        Verb(
            ("model", "withdraw"),
            "Take a model out of the catalogue; laptops go back to what they used before.",
            f"{_MODELS}withdraw",
            (_MODEL, _WHY, _AS, _TENANT),
        ),
        Verb(
            ("policy", "withdraw"),
            "End every stage of a bundle.",
            f"{_UPDATES}withdraw",
            (_NUMBER, _WHY, _AS, _TENANT),
        ),
        Verb(
            ("policy", "rollback"),
            "Publish the content of an older bundle under a higher number, in force for everything at once.",
            f"{_UPDATES}rollback",
            (
                _NUMBER,
                argument("--number", type=int, help="the new number (default: the next)"),
                _WHY,
                _AS,
                _TENANT,
            ),
        ),
        Verb(
            ("policy", "rotate-keys"),
            "Hand over to new keys for updates; the old root signs the new one.",
            f"{_UPDATES}rotate_keys",
            (
                argument("--root-keys", type=int, default=1, help="how many there are (default: %(default)s)"),
                argument("--root-threshold", type=int, default=1, help="how many must sign (default: %(default)s)"),
                _WHY,
                _AS,
                _TENANT,
            ),
        ),
        Verb(
            ("sweep",),
            "Decide what was held until now; a running server does it by itself.",
            f"{_OFFICE}sweep",
        ),
        Verb(
            ("policy", "check"),
            "Whether a policy bundle can be used, and what is in it.",
            f"{_POLICY}check",
            (_BUNDLE,),
        ),
        Verb(
            ("policy", "test"),
            "Whether a policy bundle decides every case of a conformance corpus as expected.",
            f"{_POLICY}test",
            (_BUNDLE, argument("--corpus", metavar="FILE", help="JSON lines (default: the one that ships)")),
        ),
        Verb(
            ("policy", "diff"),
            "Which recorded decisions a policy bundle would make otherwise; no is the answer if there is one.",
            f"{_POLICY}diff",
            (
                _BUNDLE,
                argument("--replay", metavar="TRACES", help="recorded decisions, one JSON object a line"),
                argument(
                    "--since",
                    metavar="WHEN",
                    help="what laptops told since then instead: 1d, 12h, or 2026-05-01 (UTC)",
                ),
                _TENANT,
            ),
        ),
        Verb(
            ("metrics",),
            "What is measured, as the database has it.",
            f"{_TELEMETRY}metrics",
            (_TENANT,),
        ),
        Verb(
            ("metrics-token",),
            "Let whoever shows a new token read GET /metrics.",
            f"{_TELEMETRY}metrics_token",
        ),
        Verb(
            ("verify-audit",),
            "Check every link of the audit chain.",
            f"{_OFFICE}verify_audit",
            (
                argument("--head", metavar="FILE", help="a signed head that was remembered: it must be in the chain"),
                argument("--remember", metavar="FILE", help="write the present signed head"),
                _TENANT,
            ),
        ),
        Verb(
            ("migrate",),
            "Bring the database to this program's schema. Make a backup first.",
            f"{_MAINTENANCE}migrate",
        ),
        Verb(
            ("backup",),
            "Write a backup; the server may be running.",
            f"{_MAINTENANCE}backup",
            (
                argument("file", help="a new file"),
                argument("--with-secret", action="store_true", help="also what opens the server's keys"),
                argument("--with-files", action="store_true", help="also the bytes of the files that commands name"),
            ),
        ),
        Verb(
            ("restore",),
            "Put a backup in the database's place and begin a new life of it; the server must be stopped.",
            f"{_MAINTENANCE}restore",
            (
                argument("file", help="the backup"),
                argument("--reason", required=True, help="for the audit"),
                argument("--force", action="store_true", help="even if the backup is too old to be made whole"),
            ),
        ),
        Verb(
            ("incarnation", "show"),
            "Which life of the database this is, and whether the server stopped itself.",
            f"{_MAINTENANCE}incarnation_show",
        ),
        Verb(
            ("incarnation", "raise"),
            "Begin a new life after a database was set back; a server that stopped itself goes on.",
            f"{_MAINTENANCE}incarnation_raise",
            (argument("--reason", required=True, help="for the audit"),),
        ),
        Verb(("purge",), "Forget commands that were settled more than 400 days ago.", f"{_MAINTENANCE}purge"),
    ),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run `tailboard-server`; the exit code."""
    return run(PROGRAM, argv, _faults)


def _faults(error: Exception) -> int | None:
    problems = sys.modules.get("shared.problems")
    if problems and isinstance(error, problems.Refused):
        return FAULT if error.problem.status >= 500 else NO
    return FAULT if isinstance(error, OSError) else None


if __name__ == "__main__":
    sys.exit(main())
