"""Which model file this device uses, and whether it is the one that was meant.

Rules
1. The embedded model comes from an installed distribution and is found through that distribution's own list of files;
   its package is never imported.
2. The embedded file is known by size and SHA-256. Another content is a damaged file, not another model.
3. A file that a person configured replaces it. Nothing is known about that one but what its header says.

It opens files only to measure them; `device.model.process` has them loaded.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from device.model import gguf
from device.model.port import FORMS_WORK, ModelError
from shared.embedded_model import BYTES, DISTRIBUTION, FILE, LICENCE, SHA256

__all__ = [
    "BYTES",
    "DISTRIBUTION",
    "FILE",
    "LICENCE",
    "SHA256",
    "ModelFile",
    "at",
    "embedded",
    "find",
    "ladder",
    "processors",
]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model on disk. `context_tokens` is the longest context it was made for, `kv_bytes` what a token takes."""

    name: str
    path: Path
    size_bytes: int
    sha256: str
    context_tokens: int = 2048
    kv_bytes: int = 256 << 10

    @property
    def shipped(self) -> bool:
        """Whether its hash is the one that this version ships."""
        return self.sha256 == SHA256


def find(configured: Path | None = None) -> ModelFile:
    """The model that this device shall use.

    Args:
        configured: a GGUF file that a person chose, or None for the embedded one.

    Raises:
        ModelError: it is missing, not a GGUF file, or damaged.
    """
    return at(configured) if configured is not None else embedded()


def ladder(*choices: Callable[[], ModelFile]) -> tuple[list[ModelFile], list[str]]:
    """The files of `choices` that can be used, each once, in their order; and what is wrong with the others.

    Raises:
        ModelError: what is wrong with the first, if none can be used.
    """
    files: dict[str, ModelFile] = {}
    wrong: list[ModelError] = []
    for choice in choices:
        try:
            file = choice()
            files.setdefault(file.sha256, file)
        except ModelError as error:
            wrong.append(error)
    if not files and wrong:
        raise wrong[0]
    return list(files.values()), [str(each) for each in wrong]


def processors() -> int:
    """How many processors this program may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def embedded() -> ModelFile:
    """The model that ships. Raises `ModelError` if it is not installed or not the file that shipped."""
    path = _embedded_path()
    found = at(path)
    if not found.shipped:
        raise ModelError(f"The model file {path.name} is damaged (it is not the one that shipped); {FORMS_WORK}.")
    return found


def at(path: Path) -> ModelFile:
    """The model in the file `path`. Raises `ModelError` if there is no whole GGUF file there."""
    header = gguf.read(path)
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        size_bytes = path.stat().st_size
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read ({error.strerror}); {FORMS_WORK}.") from error
    return ModelFile(path.stem, path, size_bytes, digest, header.context_tokens, header.kv_bytes)


def _embedded_path() -> Path:
    try:
        files = metadata.files(DISTRIBUTION) or ()
    except metadata.PackageNotFoundError:
        raise ModelError(f"The embedded model ({DISTRIBUTION}) is not installed; {FORMS_WORK}.") from None
    for file in files:
        if file.name == FILE:
            return Path(str(file.locate()))
    raise ModelError(f"{DISTRIBUTION} is installed without its model file {FILE}; {FORMS_WORK}.")
