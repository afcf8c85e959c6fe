"""Which model file this device uses, and whether it is the one that was meant.

Rules
1. The embedded model comes from an installed distribution and is found through that distribution's own list of files;
   its package is never imported.
2. The embedded file is known by size and SHA-256. Another content is a damaged file, not another model.
3. A file that a person configured replaces it. Nothing is known about that one, so it is not `pinned`, and whoever
   loads it must try it out apart first.

It opens files only to measure them; `llama` loads them.
"""

import hashlib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from device.model.port import FORMS_WORK, LanguageModel, ModelError
from shared.embedded_model import BYTES, DISTRIBUTION, FILE, SHA256
from shared.ports import Clock

__all__ = ["BYTES", "DISTRIBUTION", "FILE", "SHA256", "ModelFile", "at", "embedded", "find", "load"]

_MAGIC = b"GGUF"
#: Magic, version and two counts; no model is shorter.
_HEADER_BYTES = 24


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model on disk: its name, path, size and hash, and whether that hash is one that this version ships."""

    name: str
    path: Path
    size_bytes: int
    sha256: str
    pinned: bool


def find(configured: Path | None = None) -> ModelFile:
    """The model that this device shall use.

    Args:
        configured: a GGUF file that a person chose, or None for the embedded one.

    Raises:
        ModelError: it is missing, not a GGUF file, or damaged.
    """
    return at(configured) if configured is not None else embedded()


def load(configured: Path | None, clock: Clock, *, threads: int | None = None) -> LanguageModel:
    """The model that this device shall use, loaded. Arguments and errors as for `find` and `llama.load`."""
    from device.model import llama  # noqa: PLC0415  # numpy and llama.cpp are not for those who only look

    return llama.load(find(configured), clock, threads=threads)


def embedded() -> ModelFile:
    """The model that ships. Raises `ModelError` if it is not installed or not the file that shipped."""
    path = _embedded_path()
    found = at(path)
    if not found.pinned:
        raise ModelError(f"The model file {path.name} is damaged (it is not the one that shipped); {FORMS_WORK}.")
    return found


def at(path: Path) -> ModelFile:
    """The model in the file `path`. Raises `ModelError` if there is no readable GGUF file there."""
    try:
        size_bytes = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(_HEADER_BYTES)
            _check_head(path, head)
            stream.seek(0)
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        raise ModelError(f"There is no model file at {path}; {FORMS_WORK}.") from None
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read ({error.strerror}); {FORMS_WORK}.") from error
    return ModelFile(path.stem, path, size_bytes, digest, digest == SHA256)


def _embedded_path() -> Path:
    try:
        files = metadata.files(DISTRIBUTION) or ()
    except metadata.PackageNotFoundError:
        raise ModelError(f"The embedded model ({DISTRIBUTION}) is not installed; {FORMS_WORK}.") from None
    for file in files:
        if file.name == FILE:
            return Path(str(file.locate()))
    raise ModelError(f"{DISTRIBUTION} is installed without its model file {FILE}; {FORMS_WORK}.")


def _check_head(path: Path, head: bytes) -> None:
    if not head:
        raise ModelError(f"The model file {path.name} is empty; {FORMS_WORK}.")
    if not head.startswith(_MAGIC):
        raise ModelError(f"{path.name} is not a GGUF model file; {FORMS_WORK}.")
    if len(head) < _HEADER_BYTES:
        raise ModelError(f"The model file {path.name} is cut short; {FORMS_WORK}.")
