"""Fetches the files of models that are rolled out for this laptop, range by range. Sans-I/O but for the file itself.

Rules
1. What to fetch, how long it is and what its sha256 is, stands in the signed catalogue. Nothing longer is asked for.
2. A download goes on where it stopped, after a restart too. It is a model's file once all of it was verified.
3. It takes no room that the outbox may need.
"""

from collections.abc import Generator

from device.errors import LocalError, UpdateRefused
from device.model.models import Models
from device.updates.client import Got, Want
from policies.models import ApprovedModel
from shared.blobs import RANGE_BYTES_MAX
from shared.updates import model_path

Fetch = Generator[Want, Got, None]


def fetch(models: Models) -> Fetch:
    """Fetch what is missing, one after the other, the newest first.

    Raises:
        UpdateRefused: there is no room, or what came is not what was signed.
    """
    for model in models.missing():
        yield from _one(models, model)
    models.forget()


def _one(models: Models, model: ApprovedModel) -> Fetch:
    here = _here(models, model)
    if not models.room_for(model.size_bytes - here):
        raise UpdateRefused(
            f"There is no room on this disk for the model {model.name} ({model.size_bytes >> 20:,} MiB). Make room; "
            "the model that is here is used meanwhile."
        )
    while here < model.size_bytes:
        length = min(RANGE_BYTES_MAX, model.size_bytes - here)
        got = yield Want(model_path(model.sha256), length, here, length)
        if got.content is None:
            raise UpdateRefused(f"The office's server does not have the model {model.name} (yet); it is tried again.")
        try:
            with models.partial(model.sha256).open("ab") as file:
                file.write(got.content)
        except OSError as error:
            raise LocalError(f"The model {model.name} cannot be written ({error.strerror}).") from error
        here += len(got.content)
    if not models.arrived(model.sha256):
        raise UpdateRefused(f"The model {model.name} came damaged, or was replaced on its way; it is fetched again.")


def _here(models: Models, model: ApprovedModel) -> int:
    """How many bytes of a download are here."""
    partial = models.partial(model.sha256)
    size = partial.stat().st_size if partial.is_file() else 0
    if size > model.size_bytes:
        partial.unlink()
        return 0
    return size
