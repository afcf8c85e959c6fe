"""The verbs about records, documents and words."""

from shared.commandline import Verb, argument
from sync_server.verbs import AS, EMBEDDED_OR_FILE, HERE, TENANT, WHY

_DOCUMENTS = "sync_server.document_commands:"
_VOCABULARY = "sync_server.vocabulary_commands:"
_CLUSTER_FILE = argument("--cluster", metavar=EMBEDDED_OR_FILE, help="what serve --cluster is told")

VERBS = (
    Verb(
        ("sample", "load"),
        "Load the sample organisation's people, assets, stock, work orders and manuals.",
        "sync_server.sample.commands:sample_load",
        (
            argument(
                "--large",
                action="store_true",
                help="also some hundred work orders, laptops, conflicts and whatever else waits for somebody",
            ),
            TENANT,
        ),
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
            AS,
            TENANT,
        ),
    ),
    Verb(("document", "list"), "Every document and for whom it is.", f"{_DOCUMENTS}listed", (TENANT,)),
    Verb(
        ("document", "withdraw"),
        "From now on no laptop answers from a document.",
        f"{_DOCUMENTS}withdrawn",
        (argument("document", help="as document list names it"), WHY, AS, TENANT),
    ),
    Verb(
        ("import",),
        "Say what a CSV file would change; with --apply, change it.",
        f"{HERE}import_file",
        (
            argument("kind", help="asset, stock_item or work_order"),
            argument("file", help="CSV with a header line, in UTF-8"),
            argument("--apply", action="store_true", help="do it; without this, only say what would be done"),
            argument("--overwrite", action="store_true", help="also set states and counts of existing records"),
            AS,
            TENANT,
        ),
    ),
    Verb(
        ("record",),
        "The Runtime Decision Record: what runs where, what may move, and what happens when that fails.",
        "sync_server.record_commands:runtime_record",
        (_CLUSTER_FILE, TENANT),
    ),
    Verb(
        ("record", "list"),
        "Every record of a kind.",
        f"{HERE}record_list",
        (
            argument(
                "kind",
                help="asset, work_order, stock_item, reading, conflict, approval, external_write, assist_task, "
                "document",
            ),
            TENANT,
        ),
    ),
    Verb(
        ("record", "show"),
        "One record with its fields and who last changed each.",
        f"{HERE}record_show",
        (argument("record", help="for example work_order/WO-1042"), TENANT),
    ),
    Verb(
        ("record", "set"),
        "Set one editable field.",
        f"{HERE}record_set",
        (
            argument("record", help="for example WO-1042 or asset/PUMP-7"),
            argument("field", help="for example priority"),
            argument("value", help="as text, or as JSON where the field holds no text"),
            AS,
            TENANT,
        ),
    ),
    Verb(
        ("command",),
        "Give any kind of command; it takes effect at once if it can.",
        f"{HERE}command",
        (
            argument("kind", help="for example work_order.assigned"),
            argument("record", help="for example WO-1042 or asset/PU-17; new for a new work order"),
            argument("payload", help="a JSON object; - reads it from standard input"),
            argument("--seen", type=int, metavar="VERSION", help="of the record, if it may have changed since"),
            AS,
            TENANT,
        ),
    ),
    Verb(
        ("vocabulary", "learn"),
        "Learn the organisation's shorthand from notes and their normal forms.",
        f"{_VOCABULARY}learn",
        (
            argument("file", help="a word, a tab and its normal form a line, an empty line between notes"),
            argument("--output", metavar="FILE", help="keep the vocabulary here"),
            argument("--folds", type=int, default=5, metavar="N", help="parts to check with (default: %(default)s)"),
        ),
    ),
    Verb(
        ("vocabulary", "publish"),
        "Give a learned vocabulary to the laptops.",
        f"{_VOCABULARY}publish",
        (argument("file", help="what vocabulary learn kept"), AS, TENANT),
    ),
    Verb(("vocabulary", "list"), "Which vocabularies are published.", f"{_VOCABULARY}listed", (TENANT,)),
)
