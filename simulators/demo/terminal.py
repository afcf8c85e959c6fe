"""A real terminal without a window: a program in tmux, keys that are typed into it, and what it shows."""

import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from simulators.processes import ProcessFailed

#: How long a person would wait for something to appear, and how often it is looked for.
PATIENCE_S, LOOK_S = 60.0, 0.1


class Terminal:
    """One program in a terminal of its own."""

    def __init__(self, socket: Path) -> None:
        self._tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]

    def start(self, command: Sequence[str], environment: Mapping[str, str], columns: int, rows: int) -> None:
        """Run `command`. Raises `ProcessFailed` if tmux does not."""
        given = [f"{name}={value}" for name, value in environment.items()]
        line = shlex.join(["env", *given, *command])
        size = ["-x", str(columns), "-y", str(rows)]
        self._run("new-session", "-d", *size, line, ";", "set-option", "-g", "status", "off")

    def press(self, *keys: str) -> None:
        """Keys by tmux's names, such as ``Enter`` and ``y``."""
        self._run("send-keys", *keys)

    def types(self, text: str) -> None:
        """Letters, as they are."""
        self._run("send-keys", "-l", text)

    def shown(self) -> str:
        """What stands on the terminal now."""
        return self._run("capture-pane", "-p")

    def sees(self, *words: str) -> str:
        """Wait until all of `words` are shown; what is shown then. Raises `ProcessFailed` if they never are."""
        for _ in range(int(PATIENCE_S / LOOK_S)):
            shown = self.shown()
            if all(each in " ".join(shown.split()) for each in words):
                return shown
            time.sleep(LOOK_S)
        raise ProcessFailed(f"never on the screen: {', '.join(words)}\n{self.shown()}")

    def insists(self, key: str, words: str) -> None:
        """Press `key` until `words` are shown no more. Raises `ProcessFailed` if they stay."""
        for _ in range(int(PATIENCE_S / LOOK_S)):
            if words not in " ".join(self.shown().split()):
                return
            self.press(key)
            time.sleep(LOOK_S)
        raise ProcessFailed(f"still on the screen: {words}\n{self.shown()}")

    def end(self) -> None:
        """Whatever still runs in it is ended."""
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)

    def _run(self, *words: str) -> str:
        done = subprocess.run([*self._tmux, *words], capture_output=True, text=True, timeout=30, check=False)
        if done.returncode != 0:
            raise ProcessFailed(f"tmux {words[0]}: {done.stderr.strip()}")
        return done.stdout


@contextmanager
def terminal(folder: Path) -> Iterator[Terminal]:
    """A terminal whose socket is in `folder`. Raises `ProcessFailed` where there is no tmux."""
    if shutil.which("tmux") is None:
        raise ProcessFailed("There is no tmux here. Install it, or walk by hand with: tailboard-sim demo")
    opened = Terminal(folder / "tmux")
    try:
        yield opened
    finally:
        opened.end()
