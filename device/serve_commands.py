"""What `tailboard serve` does: the screen in a browser on this machine, for training."""

import argparse
import tempfile
from pathlib import Path

from device.errors import LocalError
from device.pin import pin_of
from device.settings import from_environment
from shared.commandline import Report
from shared.ports import SystemRandomness


def serve(arguments: argparse.Namespace) -> Report:
    """Serve until Ctrl+C."""
    try:
        from device.serving import TrainingServer, command, free_port  # noqa: PLC0415  # where it is installed
    except ModuleNotFoundError as error:
        raise LocalError(f"{error.name} is not installed. Install textual-serve beside tailboard.") from error
    settings = from_environment(home=arguments.home)
    if not settings.keys.exists():
        raise LocalError("This laptop is not enrolled yet. Run: tailboard enrol URL CODE")
    port, token = free_port(arguments.port), SystemRandomness().draw(16).hex()
    with tempfile.TemporaryDirectory(prefix="tailboard-serve-") as folder:  # only this user may look into it
        pin_file = Path(folder) / "pin"
        pin_file.touch(mode=0o600)
        pin_file.write_text(pin_of(arguments), encoding="utf-8")
        server = TrainingServer(command(settings.home, pin_file), port, token)
        print(f"For training. Open in a browser on this machine:\n  {server.address}\nCtrl+C ends it.", flush=True)
        server.serve()
    return Report("tailboard.serve.v1")
