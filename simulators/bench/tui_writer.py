"""A model that writes for `bench tui`, in a process of its own, until standard input is closed."""

import os
import sys
import threading
from pathlib import Path

from device.bootstrap import open_device
from device.settings import Settings
from shared.ports import system_ports
from simulators.bench.save import PIN
from simulators.bench.tui_child import questions


def write(home: Path, model: Path) -> None:
    """Answer one question after the other; say so as soon as the first is answered."""
    device = open_device(Settings(home, model), PIN, system_ports())
    device.load_model()
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    for number, words in enumerate(questions()):
        device.workbench.propose(words, "work_order/WO-00003")
        if not number:
            sys.stdout.write("writing\n")
            sys.stdout.flush()


def _end_with_the_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
