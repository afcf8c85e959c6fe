"""A policy bundle on its way in: from a folder to the one document that travels, and under another number."""

import re
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path

from policies.bundle import FILES, MANIFEST, BadBundle, Bundle, pack, parse_bundle, unpack

_NUMBER = re.compile(r"^(\s*version\s*=\s*)[0-9_]+", re.MULTILINE)


def read_folder(folder: Path) -> bytes:
    """The packed bundle of a folder's files.

    Raises:
        BadBundle: a file is missing, or is no text.
        OSError: one cannot be read.
    """
    if missing := [name for name in FILES if not (folder / name).is_file()]:
        raise BadBundle(f"{folder} lacks {', '.join(missing)}; a bundle is {', '.join(FILES)}")
    try:
        return pack({name: (folder / name).read_text(encoding="utf-8") for name in FILES})
    except UnicodeDecodeError as error:
        raise BadBundle(f"a file in {folder} is not UTF-8 (byte {error.start})") from error


def checked(raw: bytes) -> Bundle:
    """The packed bundle, if a device can use it and it is packed as we pack. Raises `BadBundle`."""
    bundle = unpack(raw)
    if pack(bundle.files) != raw:
        raise BadBundle("the bundle is not packed as it should be; publish its folder")
    return bundle


def renumbered(raw: bytes, version: int) -> bytes:
    """The same content under the number `version`. Raises `BadBundle` if its manifest cannot be told another one."""
    files = dict(unpack(raw).files)
    files[MANIFEST] = _NUMBER.sub(rf"\g<1>{version}", files[MANIFEST], count=1)
    again = pack(files)
    if unpack(again).manifest.version != version:
        raise BadBundle(f"{MANIFEST}: write the version on a line of its own, as in: version = {version}")
    return again


def why_not_now(bundle: Bundle, now: datetime) -> str | None:
    """Why a bundle in force at `now` would leave every laptop to itself; None if it would not."""
    told = bundle.manifest
    if not bundle.expired(now):
        return None
    until = f"from {told.valid_from:%Y-%m-%d %H:%M} to {told.expires_at:%Y-%m-%d %H:%M} UTC"
    return f"bundle {told.version} is valid {until}; outside that time it permits nothing but the laptop itself"


@cache
def shipped_bundle() -> Bundle:
    """The bundle that came with the program; parsed once."""
    folder = resources.files("policies.default")
    return parse_bundle({name: (folder / name).read_text(encoding="utf-8") for name in FILES})
