"""How well the assistant reads real maintenance notes, beside the simplest thing that could have been done instead.

The notes are public: MaintNorm (notes and their normal forms) and MaintIE (notes with their activities and things),
github.com/nlp-tlp. Nothing of them comes with the project; without them every figure is skipped, visibly. Each
part has a module that gives figures and counts; `measure` puts them together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.model.port import ModelError
from simulators.bench.assistant import activities, asking, normalising, proposing
from simulators.bench.figures import Figures, skipped
from simulators.bench.model import kept

_NEEDED = {
    "train": "maintnorm/train.norm",
    "test": "maintnorm/val.norm",
    "annotated": "maintie/gold_dev.json",
    "plain": "field-notes.txt",
}
_WHY = "needs --data: a folder with MaintNorm and MaintIE"


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures by name, and what was counted."""

    figures: Figures
    counts: dict[str, Any]


def measure(folder: Path | None, model_notes: int = 0) -> Measured:
    """Everything that can be measured with the notes in `folder`; the model reads `model_notes` of each kind."""
    found = {name: folder / place for name, place in _NEEDED.items()} if folder else {}
    figures: Figures = {}
    counts: dict[str, Any] = {}
    for name, part, needs in _PARTS:
        if any(each not in found or not found[each].is_file() for each in needs):
            figures[name] = skipped(_WHY)
            continue
        more, counted = part(*(found[each] for each in needs))
        figures |= more
        counts[name] = counted
    more, counted = _asking(found, model_notes)
    return Measured(figures | more, counts | counted)


def _asking(found: Mapping[str, Path], size: int) -> tuple[Figures, dict[str, Any]]:
    """What the model that ships makes of a sample."""
    why = _WHY
    if found and size < 1:
        why = "no notes are put to the model: add --model-notes N"
    elif all(name in found and found[name].is_file() for name in ("annotated", "plain")):
        try:
            with kept() as model:
                more, counted = asking.measure(model, found["annotated"], found["plain"], size)
                return more, {"model": counted}
        except ModelError as error:
            why = str(error)
    return {"model": skipped(why)}, {}


_PARTS = (
    ("normalisation", normalising.measure, ("train", "test")),
    ("activity", activities.measure, ("annotated",)),
    ("proposals_rules", proposing.measure, ("train", "plain")),
)
