"""The header of a model's file on this laptop, or a sentence about what is wrong with it."""

from pathlib import Path

from device.model.port import FORMS_WORK, ModelError
from shared.gguf import BadModelFile, Header, header_of


def read(path: Path) -> Header:
    """What the file at `path` says of itself. Raises `ModelError` if it is none, is cut short, or makes no sense."""
    try:
        with path.open("rb") as stream:
            return header_of(stream, path.stat().st_size)
    except FileNotFoundError:
        raise ModelError(f"There is no model file at {path}; {FORMS_WORK}.") from None
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read ({error.strerror}); {FORMS_WORK}.") from error
    except BadModelFile as why:
        raise ModelError(f"The model file {path.name} {why}; {FORMS_WORK}.") from None
