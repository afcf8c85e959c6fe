"""Files that belong to commands: what a command says about one. The bytes travel apart."""

from typing import Annotated

from pydantic import Field

from shared.contract import Contract, Hash

#: The largest file, in bytes, that a device takes in and a server accepts unless it is set up otherwise.
ATTACHMENT_BYTES_MAX = 25 << 20

MediaType = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9.+-]{0,62}/[a-z0-9][a-z0-9.+-]{0,62}$")  # RFC 6838, section 4.2, lower case
]


class Attachment(Contract):
    """What a command says about a file. `size` is in bytes."""

    sha256: Hash
    size: Annotated[int, Field(ge=1, le=1 << 40)]
    media_type: MediaType
