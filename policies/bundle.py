"""The set of policies in force: parsed once, used for every decision.

Rules
1. A bundle is four files: `manifest.toml`, `boundary.cedar`, `boundary.cedarschema`, `routes.toml`. It travels packed
   into one JSON document, the same bytes for the same files.
2. What does not parse, or does not fit its schema, is refused whole, with a sentence that names the file and the
   place: half a rule book is none.
3. Outside its validity a bundle narrows to this laptop (`policies.boundary`); it never widens.

Not handled here: signatures, files and updates.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any, Literal, NoReturn, TypeVar

import cedarpy
from pydantic import Field, ValidationError

from policies.answers import Answers, attributes_read
from policies.rulebook import Rulebook
from shared import strict_json
from shared.contract import Contract, Instant, Name
from shared.ids import sha256_hex
from shared.routing import Obstacle

MANIFEST, CEDAR, SCHEMA, ROUTES = FILES = (
    "manifest.toml",
    "boundary.cedar",
    "boundary.cedarschema",
    "routes.toml",
)

#: What an `@lifts` on a forbid says, as the obstacle that it makes.
LIFTS = {"consent": Obstacle.NEEDS_CONSENT, "approval": Obstacle.NEEDS_APPROVAL}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_REASON_CHARS_MAX = 160
#: Text and comments of Cedar, in which a semicolon ends nothing.
_QUOTED = re.compile(r'"(?:[^"\\\n]|\\.)*+"|//[^\n]*+')

C = TypeVar("C", bound=Contract)


class BadBundle(Exception):
    """The bundle cannot be used; the message says which file, where in it, and why."""


class Manifest(Contract):
    """Which bundle it is, and from when until when it may widen anything."""

    name: Name
    version: Annotated[int, Field(ge=1, le=2**53 - 1)]
    valid_from: Instant
    expires_at: Instant


@dataclass(frozen=True, slots=True)
class Policy:
    """What a person may know of one Cedar policy: `@id`, `@reason`, and what would lift it (`@lifts`)."""

    id: str
    reason: str
    forbids: bool = False
    lifts: Obstacle | None = None


@dataclass(frozen=True)
class Bundle:
    """Parsed policies.

    `policies` maps the engine's own names (``policy0``) to what people know of them. `reads` are the attributes of
    the context that they read (None: any), and `answers` what the engine said so far (`policies.answers`).
    """

    manifest: Manifest
    policy_set: cedarpy.PolicySet
    schema: cedarpy.Schema
    policies: Mapping[str, Policy]
    rules: Rulebook
    files: Mapping[str, str]
    reads: frozenset[str] | None = None
    answers: Answers[Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "answers", Answers(self.reads))

    @property
    def version(self) -> str:
        """How decisions name it: ``shipped-1``."""
        return f"{self.manifest.name}-{self.manifest.version}"

    def expired(self, at: datetime) -> bool:
        """Whether `at` lies outside its validity."""
        return not self.manifest.valid_from <= at < self.manifest.expires_at

    def digest(self) -> str:
        """SHA-256 of the packed bundle."""
        return sha256_hex(pack(self.files))


class _Packed(Contract):
    schema_: Literal["tailboard.bundle.v1"] = Field(alias="schema")
    files: dict[str, str]


def pack(files: Mapping[str, str]) -> bytes:
    """The one document in which a bundle travels: the same bytes for the same files, in whatever order."""
    document = {"files": {name: files[name] for name in sorted(files)}, "schema": "tailboard.bundle.v1"}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def unpack(packed: bytes) -> Bundle:
    """The bundle in `packed`. Raises `BadBundle`."""
    try:
        document = _Packed.model_validate(strict_json.parse(packed))
    except (strict_json.BadJson, ValidationError) as error:
        raise BadBundle(f"the packed bundle cannot be read: {_first(error)}") from error
    return parse_bundle(document.files)


def narrowed(bundle: Bundle) -> Bundle:
    """The bundle as if its time were over: it permits this laptop and nothing else."""
    told = bundle.manifest
    return replace(bundle, manifest=told.model_copy(update={"expires_at": told.valid_from}))


def parse_bundle(files: Mapping[str, str]) -> Bundle:
    """The bundle made of the texts of `FILES` by name.

    Raises:
        BadBundle: a file is missing or unknown, does not parse, or does not fit; the message names file and place.
    """
    if set(files) != set(FILES):
        wrong = sorted(set(files) ^ set(FILES))
        raise BadBundle(f"a bundle is {', '.join(FILES)}; missing or unknown: {', '.join(wrong)}")
    manifest = _typed(Manifest, MANIFEST, files[MANIFEST])
    if manifest.expires_at <= manifest.valid_from:
        raise BadBundle(f"{MANIFEST}: expires_at is not after valid_from")
    rules = _typed(Rulebook, ROUTES, files[ROUTES])
    schema = _schema(files[SCHEMA])
    policies, reads = _policies(files[CEDAR])
    _fits(files[CEDAR], files[SCHEMA])
    return Bundle(manifest, cedarpy.PolicySet.from_str(files[CEDAR]), schema, policies, rules, dict(files), reads)


def _typed(kind: type[C], name: str, text: str) -> C:
    try:
        # Through JSON, so that lists become tuples and sets while everything else is as strict as elsewhere.
        return kind.model_validate_json(json.dumps(tomllib.loads(text), default=_instant))
    except (tomllib.TOMLDecodeError, ValidationError, TypeError) as error:
        raise BadBundle(f"{name}: {_first(error)}") from error


def _instant(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} is no text, number, list or instant")


def _first(error: Exception) -> str:
    """What is wrong, and where, in one line."""
    if not isinstance(error, ValidationError):
        return str(error)
    found = error.errors()[0]
    where = ".".join(str(part) for part in found["loc"])
    return f"{where}: {found['msg']}" if where else found["msg"]


def _schema(text: str) -> cedarpy.Schema:
    try:
        return cedarpy.Schema.from_str(text)
    except (ValueError, TypeError) as error:
        raise BadBundle(f"{SCHEMA}: {error}") from error


def _policies(text: str) -> tuple[dict[str, Policy], frozenset[str] | None]:
    """What people may know of the policies, and what of the context they read."""
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(text))
    except (ValueError, TypeError) as error:
        _blame(text, error)
    if parsed["templates"]:
        raise BadBundle(f"{CEDAR}: templates (?principal, ?resource) are not used here")
    policies = {name: _policy(name, policy, text) for name, policy in parsed["staticPolicies"].items()}
    ids = [policy.id for policy in policies.values()]
    if twice := sorted({each for each in ids if ids.count(each) > 1}):
        raise BadBundle(f"{CEDAR}: the @id {twice[0]} stands twice")
    return policies, attributes_read(parsed)


def _policy(name: str, parsed: Mapping[str, object], text: str) -> Policy:
    said = parsed.get("annotations")
    notes: Mapping[str, str | None] = said if isinstance(said, dict) else {}
    identity, reason, lifts = (notes.get(key) or "" for key in ("id", "reason", "lifts"))
    forbids = parsed["effect"] == "forbid"
    problem = (
        "needs an @id of letters, digits, . _ - and at most 64 of them" if not _NAME.match(identity)
        else f"needs a @reason of at most {_REASON_CHARS_MAX} characters" if not 0 < len(reason) <= _REASON_CHARS_MAX
        else "has an annotation other than @id, @reason and @lifts" if not {"id", "reason", "lifts"} >= notes.keys()
        else "@lifts is consent or approval, on a forbid" if "lifts" in notes and not (forbids and lifts in LIFTS)
        else ""
    )  # fmt: skip
    if problem:
        raise BadBundle(f"{CEDAR}, {_place(name, text)}: {problem}")
    return Policy(identity, reason, forbids, LIFTS.get(lifts))


def _fits(policies: str, schema: str) -> None:
    checked = cedarpy.validate_policies(policies, schema)
    if not checked.validation_passed:
        error = checked.errors[0]
        raise BadBundle(f"{CEDAR}, {_place(str(error.policy_id), policies)}: does not fit the schema: {error.error}")


def _statements(text: str) -> list[tuple[int, int]]:
    """(line, end) of each policy of `text`: the line on which it begins, and the position after its semicolon."""
    places, start = [], 0
    bare = _QUOTED.sub(_blank, text)
    for end in (found.end() for found in re.finditer(";", bare)):
        begins = end - len(bare[start:end].lstrip())
        places.append((text.count("\n", 0, begins) + 1, end))
        start = end
    return places


def _blank(found: re.Match[str]) -> str:
    """A comment as spaces, a text as letters: as long as it was, and without semicolons."""
    return (" " if found[0].startswith("//") else "x") * len(found[0])


def _place(name: str, text: str) -> str:
    """Where the policy that the engine calls `name` stands: it numbers them in the order of the text."""
    places = _statements(text)
    number = int(name.removeprefix("policy")) if name.removeprefix("policy").isdigit() else len(places)
    return f"line {places[number][0]}" if number < len(places) else name


def _blame(text: str, error: Exception) -> NoReturn:
    """The engine says what is wrong and not where: it is in the first policy with which the text no longer parses."""
    for line, end in _statements(text):
        try:
            cedarpy.policies_to_json_str(text[:end])
        except (ValueError, TypeError) as narrower:
            raise BadBundle(f"{CEDAR}, the policy at line {line}: {narrower}") from error
    raise BadBundle(f"{CEDAR}, after the last policy: {error}") from error
