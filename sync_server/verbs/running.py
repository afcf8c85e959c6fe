"""The verbs about the server itself: begin, serve, keep, prove."""

from shared.commandline import Verb, argument
from sync_server.verbs import AS, EMBEDDED_OR_FILE, HERE, OFFICE, TENANT, WHY

_MAINTENANCE = "sync_server.maintenance_commands:"
_TELEMETRY = "sync_server.telemetry.commands:"

VERBS = (
    Verb(
        ("init",),
        "Make a server here, or add an organisation to it; a second run changes nothing.",
        f"{HERE}init",
        (
            argument("--tenant", required=True, help="short name: letters, digits, . _ -"),
            argument("--name", required=True, help="the organisation's name"),
        ),
    ),
    Verb(
        ("serve",),
        "Run the server until it is told to stop.",
        f"{HERE}serve",
        (
            argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"),
            argument("--port", type=int, default=8750, help="0 takes a free one (default: %(default)s)"),
            argument(
                "--cluster",
                metavar=EMBEDDED_OR_FILE,
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
        ("tenant", "set-newest"),
        "Name the fields in which the later of two edits stands; all others become conflicts.",
        f"{OFFICE}tenant_set_newest",
        (argument("field", nargs="*", metavar="KIND.FIELD", help="none: every field asks"), AS, TENANT),
    ),
    Verb(
        ("key", "rotate"),
        "Hand over to a new receipt key, under the old one's signature.",
        f"{OFFICE}key_rotate",
        (WHY, AS, TENANT),
    ),
    Verb(
        ("sweep",),
        "Decide what was held until now; a running server does it by itself.",
        f"{OFFICE}sweep",
    ),
    Verb(
        ("metrics",),
        "What is measured, as the database has it.",
        f"{_TELEMETRY}metrics",
        (TENANT,),
    ),
    Verb(
        ("metrics-token",),
        "Let whoever shows a new token read GET /metrics.",
        f"{_TELEMETRY}metrics_token",
    ),
    Verb(
        ("verify-audit",),
        "Check every link of the audit chain.",
        f"{OFFICE}verify_audit",
        (
            argument("--head", metavar="FILE", help="a signed head that was remembered: it must be in the chain"),
            argument("--remember", metavar="FILE", help="write the present signed head"),
            TENANT,
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
            argument("--with-models", action="store_true", help="also the files of published models"),
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
)
