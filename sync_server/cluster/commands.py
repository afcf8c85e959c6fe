"""What the verbs of `tailboard-server` do that are about the models."""

import argparse

from shared.commandline import Report
from shared.routing import DataClass
from sync_server.asked_of import office_of


def client_add(arguments: argparse.Namespace) -> Report:
    """Add a program and show its key."""
    office, tenant = office_of(arguments)
    made = office.add_client(tenant, arguments.client, DataClass(arguments.data_class), arguments.actor)
    data = {"client": made.client.id, "data_class": made.client.data_class.value, "key": made.key}
    lines = [made.key, f"The key of {made.client.id}; it is not shown again. Send it as: Authorization: Bearer KEY"]
    return Report("tailboard.client.v1", data, lines)


def client_list(arguments: argparse.Namespace) -> Report:
    """Every program."""
    office, tenant = office_of(arguments)
    clients = office.clients(tenant)
    data = {
        "clients": [
            {"id": c.id, "data_class": c.data_class.value, "added_at": c.added_at, "revoked_at": c.revoked_at}
            for c in clients
        ]
    }
    lines = [f"{c.id:<24} at least {c.data_class:<10} {'revoked' if c.revoked_at else 'may ask'}" for c in clients]
    return Report("tailboard.clients.v1", data, lines or ["No program may ask. Run: tailboard-server client add"])


def client_revoke(arguments: argparse.Namespace) -> Report:
    """A program may ask no more."""
    office, tenant = office_of(arguments)
    office.revoke_client(tenant, arguments.client, arguments.actor)
    return Report(
        "tailboard.client.v1", {"client": arguments.client, "revoked": True}, [f"{arguments.client} is revoked"]
    )
