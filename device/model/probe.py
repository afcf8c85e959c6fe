"""Trying out an unknown model file in a process of its own.

llama.cpp checks a file's outer form; a wrong number inside can still end the process that loads it. So a file that
nobody vouched for is loaded and asked one question by a child first: if the child dies, nothing else does.

Run as ``python -m device.model.probe FILE``: exit 0, or 1 with the reason on standard output.
"""

import subprocess
import sys
from pathlib import Path

from device.model.port import FORMS_WORK, ModelError

TIMEOUT_S = 120.0


def run(path: Path, *, timeout_s: float = TIMEOUT_S) -> None:
    """Return if the model at `path` loads and answers in a child process.

    Raises:
        ModelError: it does not, or not within `timeout_s`, or it takes the child down.
    """
    child = [sys.executable, "-m", "device.model.probe", str(path)]
    try:
        done = subprocess.run(child, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        raise ModelError(f"The model {path.name} gave no answer in {timeout_s:.0f} s; {FORMS_WORK}.") from None
    if done.returncode == 0:
        return
    reason = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode == 1 and reason:
        raise ModelError(reason)
    raise ModelError(f"The model file {path.name} is damaged: llama.cpp crashed on it; {FORMS_WORK}.")


def main(arguments: list[str]) -> int:
    """Load the model named by the only argument and let it choose one word."""
    from dataclasses import replace  # noqa: PLC0415  # the parent imports this module and needs none of these

    from device.model import llama, registry  # noqa: PLC0415
    from shared.ports import SystemClock  # noqa: PLC0415

    try:
        # Vouched for: this process may die.
        file = replace(registry.at(Path(arguments[0])), pinned=True)
        model = llama.load(file, SystemClock(), context_tokens=256)
        model.generate("Yes or no? Answer: ", {"enum": ["yes", "no"]}, tokens_max=4)
    except ModelError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
