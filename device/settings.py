"""Where the device keeps things and what it may be told from outside. Read once, by `bootstrap`."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

EVIDENCE_DAYS = 400
#: Named where a model's file is: the laptop runs without any model.
NO_MODEL = Path("none")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person may choose.

    `model` is a GGUF file that replaces the one that ships, `NO_MODEL` for none at all, or None; `evidence_days` says
    how long evidence is kept.
    """

    home: Path
    model: Path | None = None
    evidence_days: int = EVIDENCE_DAYS

    @property
    def without_model(self) -> bool:
        """Whether a person chose to have no model, the one that ships included."""
        return self.model == NO_MODEL

    @property
    def database(self) -> Path:
        """The encrypted database."""
        return self.home / "device.db"

    @property
    def models(self) -> Path:
        """The files of models that came later than the program."""
        return self.home / "models"

    @property
    def keys(self) -> Path:
        """The sealed keys."""
        return self.home / "keys.json"


def read_settings(environment: Mapping[str, str], *, home: str | None = None, model: str | None = None) -> Settings:
    """Settings from the command line first, then TAILBOARD_HOME and TAILBOARD_MODEL, then the platform's custom.

    The model `none` is no file: then there is no model. TAILBOARD_EVIDENCE_DAYS says for how many days evidence is
    kept; what is no number of at least one is not heard.
    """
    chosen = home or environment.get("TAILBOARD_HOME")
    gguf = model or environment.get("TAILBOARD_MODEL")
    kept = environment.get("TAILBOARD_EVIDENCE_DAYS", "")
    days = int(kept) if kept.isascii() and kept.isdigit() and 0 < int(kept) < 100_000 else EVIDENCE_DAYS
    return Settings(Path(chosen) if chosen else _default_home(environment), Path(gguf) if gguf else None, days)


def _default_home(environment: Mapping[str, str]) -> Path:
    if sys.platform == "win32":
        return Path(environment.get("LOCALAPPDATA", Path.home())) / "Tailboard"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Tailboard"
    return Path(environment.get("XDG_DATA_HOME", Path.home() / ".local" / "share")) / "tailboard"


def from_environment(*, home: str | None = None, model: str | None = None) -> Settings:
    """Settings of this process."""
    return read_settings(os.environ, home=home, model=model)
