"""The ground under a rig: nothing leaves the machine, what the machine does not give is named, nothing is left."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from simulators.rig import ground
from simulators.rig.guard import Guard

#: Says what came of trying to leave, of being cut off, and of a small disk, in a process of its own.
TRIES = """
import json, os, socket, sys
from pathlib import Path
from simulators.rig import ground
with ground.prepared() as on, ground.staying_here():
    told = {"missing": dict(on.missing), "sealed": on.sealed}
    try:
        socket.create_connection(("192.0.2.1", 9), timeout=5)
    except OSError as error:
        told["away"] = type(error).__name__
    if on.networks:
        network = ground.new_network()
        told["routes"] = len(Path("/proc/net/route").read_text().splitlines()) - 1
        pid = os.fork()
        if pid == 0:
            ground.live_in(network.handle)
            def reaches():
                try:
                    socket.create_connection((ground.HERE, network.listener.getsockname()[1]), timeout=5).close()
                    return True
                except OSError:
                    return False
            seen = [reaches()]
            network.plug(up=False); seen.append(reaches())
            network.plug(up=True); seen.append(reaches())
            os._exit(0 if seen == [True, False, True] else 1)
        told["plugged"] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if on.disks:
        folder = Path(sys.argv[1])
        disk = ground.mount_small_disk(folder, 1)
        (folder / "kept").write_bytes(b"kept")
        disk.fill()
        try:
            (folder / "more").write_bytes(bytes(4096))
        except OSError as error:
            told["full"] = error.errno
        disk.make_room()
        (folder / "more").write_bytes(bytes(4096))
        told["kept"] = (folder / "kept").read_text()
        told["mounted"] = os.path.ismount(folder)
told["outside"] = sorted(os.listdir(sys.argv[1]))
print(json.dumps(told))
"""


def test_nothing_leaves_and_plugs_and_disks_do_what_they_say(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", TRIES, str(tmp_path)], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert told["away"] == "OffTheMachine"
    assert {"link_down", "disk_full"} >= set(told["missing"])
    if "link_down" not in told["missing"]:
        assert (told["sealed"], told["routes"], told["plugged"]) == (True, 0, 0)
    if "disk_full" not in told["missing"]:
        assert (told["full"], told["kept"], told["mounted"]) == (28, "kept", True)
        assert told["outside"] == []  # the mount was never seen outside


def test_what_the_machine_refuses_is_named_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(ground, "_called", refuse)
    with ground.prepared() as on:
        assert (on.sealed, on.networks, on.disks) == (False, False, False)
        assert dict(on.missing) == dict.fromkeys(
            ("link_down", "disk_full"), "not on this machine: Operation not permitted"
        )


@pytest.mark.parametrize("address", ["192.0.2.1", "localhost.example", "0.0.0.0"])
def test_another_address_is_stopped_at_the_call(address: str) -> None:
    with ground.staying_here(), pytest.raises(ground.OffTheMachine, match="stays on this machine"):
        socket.create_connection((address, 9))
    with ground.staying_here(), ground.listen() as listener, socket.create_connection(listener.getsockname()):
        pass


def test_who_is_not_forgotten_ends_with_the_rig_even_if_stopped(tmp_path: Path) -> None:
    sleep = [sys.executable, "-c", "import signal; print(1, flush=True); signal.pause()"]
    folder = tmp_path / "scratch"
    folder.mkdir()
    children = [subprocess.Popen(sleep, stdout=subprocess.PIPE, start_new_session=True) for _ in range(2)]
    for child in children:
        assert child.stdout
        assert child.stdout.readline()
        child.stdout.close()
    os.kill(children[0].pid, signal.SIGSTOP)
    with Guard() as guard:
        for child in children:
            guard.watch(child.pid)
        guard.forget(children[1].pid)
        guard.clear(folder)
    assert children[0].wait() == -signal.SIGKILL
    assert children[1].poll() is None
    assert not folder.exists()
    children[1].kill()
    children[1].wait()
