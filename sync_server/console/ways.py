"""Where one thing leads to another: links to records, laptops and people."""

from typing import Any
from urllib.parse import quote

from shared.ids import id_of, kind_of
from sync_server.console.blocks import Link

_PAGES = {
    "work_order": "/console/orders/",
    "conflict": "/console/conflicts/",
    "approval": "/console/approvals/",
    "external_write": "/console/parked/",
}


def record_link(ref: str) -> Any:
    """A link to a record's page, or its bare reference where it has none."""
    page = _PAGES.get(kind_of(ref))
    return Link(id_of(ref), page + quote(id_of(ref))) if page else ref


def device_link(device: str) -> Any:
    """A link to a laptop's page; the office has none."""
    return device if device == "office" else Link(device, f"/console/devices/{quote(device)}")
