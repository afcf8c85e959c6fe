"""The verbs about who works there, their laptops, and the programs that may ask."""

from shared.commandline import Verb, argument
from sync_server.verbs import AS, HERE, OFFICE, TENANT, WHY

_DEVICES = "sync_server.office.device_commands:"
_DEVICE = argument("device", help="for example TB-01; see: device list")
_PERSON = argument("person", help="short name, such as a.okafor")
_CLUSTER = "sync_server.cluster.commands:"
_CLIENT = argument("client", help="short name, such as cmms-assistant")
_ACCOUNTS = "sync_server.account_commands:"

VERBS = (
    Verb(
        ("person", "add"),
        "Add somebody, or change name, roles and teams.",
        f"{HERE}person_add",
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
            TENANT,
        ),
    ),
    Verb(("person", "list"), "Everybody and their roles.", f"{HERE}person_list", (TENANT,)),
    Verb(
        ("account", "set"),
        "Let a person sign in at the console, with a new password; where they are signed in, they no longer are.",
        f"{_ACCOUNTS}account_set",
        (
            _PERSON,
            argument("--password", metavar="FILE", help="read it from a file's first line; - for standard input"),
            argument("--as", dest="actor", metavar="PERSON", help="the admin who does it, for the audit"),
            TENANT,
        ),
    ),
    Verb(("account", "list"), "Who may sign in at the console.", f"{_ACCOUNTS}account_list", (TENANT,)),
    Verb(
        ("account", "close"),
        "A person can no longer sign in, and is signed out everywhere.",
        f"{_ACCOUNTS}account_close",
        (
            _PERSON,
            argument("--as", dest="actor", metavar="PERSON", help="the admin who does it, for the audit"),
            TENANT,
        ),
    ),
    Verb(
        ("enrol-code",),
        "A one-time code, good for a day, for a person's new device.",
        f"{HERE}enrol_code",
        (
            _PERSON,
            argument("--wait", action="store_true", help="its device waits until an administrator approves it"),
            TENANT,
        ),
    ),
    Verb(("device", "list"), "Every enrolled device and how it is doing.", f"{_DEVICES}device_list", (TENANT,)),
    Verb(
        ("device", "show"),
        "One device, its epochs, and what it last said of itself.",
        f"{_DEVICES}device_show",
        (_DEVICE, TENANT),
    ),
    Verb(
        ("device", "approve"),
        "A device that waits for it may sync, if the code is the one on its screen.",
        f"{_DEVICES}device_approve",
        (
            _DEVICE,
            argument("--code", required=True, metavar="CODE", help="as its person reads it from the screen"),
            AS,
            TENANT,
        ),
    ),
    Verb(
        ("device", "expire"),
        "A device's key is good no longer: what it brings is settled, and it gets nothing.",
        f"{_DEVICES}device_expire",
        (_DEVICE, WHY, AS, TENANT),
    ),
    Verb(
        ("device", "renew"),
        "A device's key is good for another year.",
        f"{_DEVICES}device_renew",
        (_DEVICE, WHY, AS, TENANT),
    ),
    Verb(
        ("device", "revoke"),
        "From now on a device may only upload, and what it brings is kept for review.",
        f"{_DEVICES}device_revoke",
        (_DEVICE, WHY, AS, TENANT),
    ),
    Verb(
        ("device", "readmit"),
        "A revoked or forked device syncs again, in a new epoch.",
        f"{_DEVICES}device_readmit",
        (_DEVICE, WHY, AS, TENANT),
    ),
    Verb(
        ("outbox", "import"),
        "Do what the file of a device without a network says, and write the answer for it.",
        f"{OFFICE}outbox_import",
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
            AS,
            TENANT,
        ),
    ),
    Verb(
        ("client", "list"),
        "Every program that may ask the models, or might.",
        f"{_CLUSTER}client_list",
        (TENANT,),
    ),
    Verb(
        ("client", "revoke"),
        "A program may ask no more, within seconds.",
        f"{_CLUSTER}client_revoke",
        (_CLIENT, AS, TENANT),
    ),
)
