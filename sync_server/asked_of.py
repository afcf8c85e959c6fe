"""The office, and the organisation, that a verb of `tailboard-server` was asked of.

One process, one verb: nothing is pooled, unless the verb goes on working beside what it waits for.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from sync_server.bootstrap import build_office
from sync_server.office import Office
from sync_server.settings import from_environment


def office_of(arguments: argparse.Namespace) -> tuple[Office, str]:
    """The office over ``--home`` or ``--database``, and the organisation of ``--tenant``, or the only one.

    Raises:
        Refused: there is no such server here, or it is not clear which organisation is meant.
    """
    settings = from_environment(home=arguments.home, database=arguments.database)
    office = build_office(settings, pooled=False)
    return office, office.the_tenant(arguments.tenant)


@contextmanager
def open_office_of(arguments: argparse.Namespace) -> Iterator[tuple[Office, str]]:
    """The same with connections that are kept for each other's use, and closed in the end."""
    office = build_office(from_environment(home=arguments.home, database=arguments.database))
    try:
        yield office, office.the_tenant(arguments.tenant)
    finally:
        office.service.store.close()
