"""How well the assistant reads real maintenance notes, beside the simplest thing that could have been done instead.

The notes are public: MaintNorm (notes and their normal forms) and MaintIE (notes with their activities and things),
github.com/nlp-tlp. Nothing of them comes with the project; without them every figure is skipped, visibly. Each
part has a module that gives figures and counts; `measure` puts them together.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulators.bench.assistant import activities, normalising, proposing
from simulators.bench.figures import Figures, skipped

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


def measure(folder: Path | None) -> Measured:
    """Everything that can be measured with the notes in `folder`."""
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
    for rival in ("model", "both"):
        figures[f"proposals_{rival}"] = skipped("this bench has rules alone so far")
    return Measured(figures, counts)


_PARTS = (
    ("normalisation", normalising.measure, ("train", "test")),
    ("activity", activities.measure, ("annotated",)),
    ("proposals_rules", proposing.measure, ("train", "plain")),
)
