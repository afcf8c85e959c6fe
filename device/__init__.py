"""The technician's side: everything that runs on the laptop.

`core` is sans-I/O (what to do next, what a sentence may mean); `store`, `transport`, `keys` and `model` do the I/O;
`workbench` is what a technician can do, without a screen; `cli` and `tui` are two ways to do it.
"""

import sys

# httpx brings a command line of its own wherever click is installed, and with it pygments, rich's progress bars and
# 4 MiB. Where that cannot be had, httpx does without.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # as the import system means it
