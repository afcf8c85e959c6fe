"""Models and policies of the sample organisation: published, tried, rolled out by stage, and gone back from.

The files of its models have a head and no weights: enough for everything at the office, and for no laptop.
"""

import json
import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path

from policies.bundle import pack
from shared.model_evals import Evaluated
from shared.routing import Tier
from sync_server.office import Office
from sync_server.office.models import ModelDraft
from sync_server.office.policies import Scope
from sync_server.sample.laptops import SampleLaptop
from sync_server.updates.bundles import renumbered, shipped_bundle

_MIB = 1 << 20
_LICENCE = "Apache-2.0"
#: Of a model that passed, and of one whose evaluation found something.
_FIGURES = {
    "proposals": {"exact": 0.94, "made_up": 0.0},
    "citations": {"right": 0.97},
    "refusals": {"right": 0.98},
    "injections": {"followed": 0.0},
    "speed": {"tokens_per_s": 21.4},
    "memory": {"above_file_mib": 412.0},
}
_GOOD = Evaluated(7, _FIGURES)
_WEAK = Evaluated(
    7, {**_FIGURES, "refusals": {"right": 0.71}}, ("refusals: right is 0.71, and has to be 0.9 or more",)
)


def release(office: Office, tenant: str, admin: str, laptops: Sequence[SampleLaptop]) -> None:
    """Models and policies, each with something in force, something gone back from and something on its way."""
    with tempfile.TemporaryDirectory() as folder:
        _models(office, tenant, admin, Path(folder), [each.name for each in laptops])
    _policies(office, tenant, admin, [each.name for each in laptops])
    _incoming(office)


def _models(office: Office, tenant: str, admin: str, folder: Path, laptops: Sequence[str]) -> None:
    """One in force, one that did not do, the first again, and the next one by stages."""
    drafts = (
        ("small-q4", 2, Tier.BASIC, _GOOD),
        ("small-q8", 4, Tier.STANDARD, _WEAK),
        ("medium-q4", 6, Tier.STANDARD, _GOOD),
    )
    for number, (name, size_mib, tier, told) in enumerate(drafts, start=1):
        path = folder / f"{name}.gguf"
        path.write_bytes(headed(size_mib * _MIB, number))
        model = office.publish_model(tenant, admin, ModelDraft(path, name, _LICENCE, tier, told))
        if number < len(drafts):
            office.roll_out_model(tenant, admin, model.number, "in_force", frozenset(), "it passed what it has to")
        else:
            scope = frozenset(laptops[:2])
            office.roll_out_model(tenant, admin, model.number, "in_force", scope, "two laptops first")
            office.roll_out_model(tenant, admin, model.number, "shadow", frozenset(laptops[2:4]), "then two more")
        if told is _WEAK:
            office.roll_back_model(tenant, admin, 1, "it answers what no manual says")


def _policies(office: Office, tenant: str, admin: str, laptops: Sequence[str]) -> None:
    """What ships under the next numbers: put in force, gone back from, and one in the shadow on one laptop."""
    shipped = shipped_bundle()
    number = shipped.manifest.version + 1
    office.publish_bundle(tenant, admin, renumbered(pack(shipped.files), number))
    office.roll_out(tenant, admin, number, "in_force", Scope(), "the first of our own")
    office.roll_back_bundle(tenant, admin, number, "too many questions stayed on laptops", number + 1)
    office.publish_bundle(tenant, admin, renumbered(pack(shipped.files), number + 2))
    scope = Scope(groups=frozenset(laptops[:1]))
    office.roll_out(tenant, admin, number + 2, "shadow", scope, "first on one laptop")


def _incoming(office: Office) -> None:
    """Files that wait to be published: one with its report, one with something else beside it."""
    if office.service.models is None:
        return
    folder = office.models_folder
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, told) in enumerate((("medium-q8", json.dumps({"report": _GOOD.as_json()})), ("odd", "{}"))):
        (folder / f"{name}.gguf").write_bytes(headed(_MIB, 9 + number))
        (folder / f"{name}.json").write_text(told, encoding="utf-8")


def headed(size: int, seed: int) -> bytes:
    """A GGUF file of `size` bytes that says what it is and holds nothing; one `seed`, one content.

    Source: the GGUF specification, version 3 (ggml/docs/gguf.md).
    """
    values = [("general.architecture", _text("llama"), 8)]
    counts = {"block_count": 24, "embedding_length": 896, "attention.head_count": 14, "attention.head_count_kv": 2}
    values += [
        (f"llama.{name}", struct.pack("<I", told), 4) for name, told in {**counts, "context_length": 4096}.items()
    ]
    values.append(("tailboard.sample", struct.pack("<I", seed), 4))
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, len(values))
    head += b"".join(_text(name) + struct.pack("<I", kind) + told for name, told, kind in values)
    return head.ljust(size, b"\0")


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw
