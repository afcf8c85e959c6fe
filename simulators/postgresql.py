"""A throwaway PostgreSQL: made, started on a free port, stopped and removed with the block that asked for it.

PostgreSQL refuses to run as root; there, it runs as the system's `postgres` user. `fsync` stays on: what it
acknowledges is durable, as in production.
"""

import os
import pwd
import select
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

START_TIMEOUT_S = 30
END_TIMEOUT_S = 10


def find_programs() -> Path | None:
    """The folder with `initdb` and `postgres`, None where PostgreSQL is not installed; Debian keeps them off PATH."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent, Path(on_path).parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next(
        (folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()), None
    )


@contextmanager
def postgresql(
    programs: Path, born: Callable[[int, Path], None] | None = None, kept: Path | None = None
) -> Iterator[str]:
    """A running PostgreSQL while the block runs; the SQLAlchemy URL of its database `postgres`.

    Args:
        programs: the folder with `initdb` and `postgres`.
        born: hears its process group, which is its own, and its folder, before anything else is done with it.
        kept: a folder that stays, with what an earlier run left there; whoever runs PostgreSQL has to get there.

    Raises:
        OSError: it does not start.
    """
    who = _who()
    with _place(kept, who) as folder:
        data, port = Path(folder) / "data", _free_port()
        if not data.exists():
            _make(programs, data, who)
        options = ["-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", folder]
        with (Path(folder) / "log").open("ab") as log:
            process = subprocess.Popen(
                [str(programs / "postgres"), *options],
                stdout=log,
                stderr=log,
                cwd=folder,
                start_new_session=True,
                **who,
            )
            try:
                if born:
                    born(process.pid, Path(folder))
                _wait_until_ready(programs, port)
                yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
            finally:
                _end(process)


@contextmanager
def _place(kept: Path | None, who: Mapping[str, Any]) -> Iterator[str]:
    """A folder of whoever runs PostgreSQL, which goes afterwards unless it is kept."""
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
    with (
        nullcontext(str(kept.absolute()))
        if kept
        else tempfile.TemporaryDirectory(prefix="tailboard-pg-", dir=_parent(who)) as folder
    ):
        if who:
            os.chown(folder, who["user"], who["group"])
        yield folder


def _make(programs: Path, data: Path, who: Mapping[str, Any]) -> None:
    """A new one in the folder `data`. Raises `OSError`: it cannot be made there."""
    made = [str(programs / "initdb"), "-A", "trust", "--no-sync", "-U", "postgres", "-D", str(data)]
    done = subprocess.run(made, check=False, capture_output=True, text=True, cwd=data.parent, **who)
    if done.returncode != 0:
        raise OSError(f"initdb: {done.stderr.strip()}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ask it to end in good order; if it does not, make it: one that is just recovering may not hear the first."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)
        process.wait(timeout=START_TIMEOUT_S)


def _who() -> dict[str, Any]:
    """Whom to run as, for `subprocess`: nobody else, unless we are root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _parent(who: Mapping[str, Any]) -> str | None:
    """The disk that TAILBOARD_BENCH_DIR names, if whoever runs PostgreSQL can get there; None for the usual place."""
    asked = os.environ.get("TAILBOARD_BENCH_DIR")
    if not asked:
        return None
    path = Path(asked).resolve()
    open_to_all = all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))
    return asked if open_to_all or not who else None


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_until_ready(programs: Path, port: int) -> None:
    asked = [str(programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-t", "1"]
    for _ in range(START_TIMEOUT_S * 20):
        if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
            return
        select.select([], [], [], 0.05)
    raise OSError("PostgreSQL did not start")
