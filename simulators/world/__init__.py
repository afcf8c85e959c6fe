"""A small world: one server and a few laptops, all of it production code, under one seed.

Rules
1. People are not software: what a technician means to do, and what the screen told them, is kept outside every host,
   and survives its crashes.
2. First faults, then healing: when everything has been said the faults stop, and everything must settle.
3. What is the same in every world (enrolled machines) is made once a process and copied: a seed pays only for what it
   decides. Keys are stretched once for each PIN and salt.

The picture: `template` is what a world begins with; `machines` run on `simulators.hosts`; `technicians` and `staff`
act on the `stage`; `course` leads from the first word to the `Run`.

Not handled here: judging (`simulators.checkers`), searching (`simulators.explore`).
"""

from simulators.world.course import Watch, run
from simulators.world.options import Options, Run, Told
from simulators.world.template import forget_templates, template

__all__ = ["Options", "Run", "Told", "Watch", "forget_templates", "run", "template"]
