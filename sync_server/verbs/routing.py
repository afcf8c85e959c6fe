"""The verbs about where questions run: policies, and models for laptops."""

from shared.commandline import Verb, argument
from sync_server.verbs import AS, TENANT, WHY

_POLICY = "sync_server.policy_commands:"
_BUNDLE = argument(
    "bundle", nargs="?", help="its folder, or the file it was packed into (default: the one that ships)"
)
_UPDATES = "sync_server.update_commands:"
_MODELS = "sync_server.model_commands:"
_MODEL = argument("model", type=int, help="its number; see: model list")
_NUMBER = argument("version", type=int, help="the bundle's number; see: policy list")

VERBS = (
    Verb(
        ("policy", "publish"),
        "Publish a policy bundle; it is in force nowhere until it is rolled out.",
        f"{_UPDATES}publish",
        (
            argument("folder", help="with manifest.toml, boundary.cedar, boundary.cedarschema, routes.toml"),
            AS,
            TENANT,
        ),
    ),
    Verb(("policy", "list"), "What is published, and where it is rolled out.", f"{_UPDATES}listed", (TENANT,)),
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
            WHY,
            AS,
            TENANT,
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
            AS,
            TENANT,
        ),
    ),
    Verb(("model", "list"), "The models for laptops, and where each is rolled out.", f"{_MODELS}listed", (TENANT,)),
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
            WHY,
            AS,
            TENANT,
        ),
    ),
    Verb(
        ("model", "rollback"),
        "Publish an older model's file once more, in force for every laptop at once.",
        f"{_MODELS}roll_back",
        (_MODEL, WHY, AS, TENANT),
    ),
    Verb(
        ("model", "withdraw"),
        "Take a model out of the catalogue; laptops go back to what they used before.",
        f"{_MODELS}withdraw",
        (_MODEL, WHY, AS, TENANT),
    ),
    Verb(
        ("policy", "withdraw"),
        "End every stage of a bundle.",
        f"{_UPDATES}withdraw",
        (_NUMBER, WHY, AS, TENANT),
    ),
    Verb(
        ("policy", "rollback"),
        "Publish the content of an older bundle under a higher number, in force for everything at once.",
        f"{_UPDATES}rollback",
        (
            _NUMBER,
            argument("--number", type=int, help="the new number (default: the next)"),
            WHY,
            AS,
            TENANT,
        ),
    ),
    Verb(
        ("policy", "rotate-keys"),
        "Hand over to new keys for updates; the old root signs the new one.",
        f"{_UPDATES}rotate_keys",
        (
            argument("--root-keys", type=int, default=1, help="how many there are (default: %(default)s)"),
            argument("--root-threshold", type=int, default=1, help="how many must sign (default: %(default)s)"),
            WHY,
            AS,
            TENANT,
        ),
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
            TENANT,
        ),
    ),
)
