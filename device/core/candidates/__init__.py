"""What a note could mean: every activity, step, measure and part that its words point to, with those words.

Rules
1. Nothing comes from nowhere: every candidate has the span of the note that it was read from.
2. Numbers in names of equipment, dates, times, positions, sizes and ranges are no measures; a measure has a unit
   that fits a limit of the asset, or the name of such a quantity in front of it.
3. What a note says was not done, is still to come, or was so before, is no candidate.
4. Rival candidates are all kept, the likelier first. Which one is meant is not decided here.
5. Time grows with the length of the note and not faster; control characters count as blanks.

`works`, `measures` and `parts` read; `words` and `units` are the tables that they read with; `spans` is where in a
note something stands. `activities` codes a note that no word of `works` codes. `objects` finds the names of things,
which nothing is made of yet: `tailboard-sim bench assistant` measures it. None of them knows the model or commands.
"""

from device.core.candidates.measures import Measure, measures, numbers_of
from device.core.candidates.parts import Part, parts
from device.core.candidates.spans import Span, overlaps, plain
from device.core.candidates.works import Step, Work, steps, works

__all__ = [
    "Measure",
    "Part",
    "Span",
    "Step",
    "Work",
    "measures",
    "numbers_of",
    "overlaps",
    "parts",
    "plain",
    "steps",
    "works",
]
