"""Organisations, and what each decides for itself."""

from collections.abc import Iterable

from shared.commands.base import Role
from shared.problems import Code, Refused
from shared.records import KINDS, Merge, rule_of
from sync_server.batch import Batch
from sync_server.office.base import OfficePart, check_name, permit
from sync_server.server_keys import OFFICE_KEY, RECEIPT_KEY
from sync_server.service import AUDIT_START
from sync_server.store import TenantSettings, Tx


class Organisations(OfficePart):
    """Tenants."""

    def add_tenant(self, tenant: str, name: str) -> bool:
        """Open an organisation with its keys. False if it is there already."""
        check_name("tenant", tenant)
        with self.service.store.transaction() as tx:
            if tenant in tx.tenants():
                return False
            tx.add_tenant(tenant, name, AUDIT_START)
            for purpose in (OFFICE_KEY, RECEIPT_KEY):
                self.service.ring.make(tx, tenant, purpose, self.service.ports.randomness)
            if tx.server_value("incarnation") is None:
                tx.set_server_value("incarnation", "1")
        return True

    def the_tenant(self, asked: str | None) -> str:
        """The tenant that was asked for, or the only one. Raises `Refused` if that is not clear."""
        with self.service.store.transaction() as tx:
            tenants = list(tx.tenants())
        if asked in tenants or (asked is None and len(tenants) == 1):
            return asked or tenants[0]
        names = ", ".join(tenants) or "none; run: tailboard-server init"
        raise Refused(Code.NOT_FOUND, f"say --tenant with one of: {names}")

    def settings(self, tenant: str) -> TenantSettings:
        """What the organisation decided for itself."""
        with self.service.store.transaction() as tx:
            return tx.settings(tenant)

    def set_newest(self, tenant: str, fields: Iterable[str], actor: str) -> TenantSettings:
        """Say in which fields (``kind.field``) the later of two edits stands, instead of a conflict; all others ask.

        Raises:
            Refused: `not_permitted`, or `malformed` if one is not a field that two people can set to two values.
        """
        settings = TenantSettings(frozenset(fields))
        for place in sorted(settings.newest):
            _check_register(place)

        def work(tx: Tx, batch: Batch) -> None:
            permit(tx, tenant, actor, Role.ADMIN)
            if tx.settings(tenant) != settings:
                tx.put_settings(tenant, settings)
                batch.note(act="settings", actor=actor, newest=sorted(settings.newest))

        self._unit(tenant, work)
        return settings


def _check_register(place: str) -> None:
    kind, _, name = place.partition(".")
    fields = KINDS[kind].model_fields if kind in KINDS else {}
    if name not in fields or rule_of(kind, name).merge is not Merge.REGISTER:
        known = [each for each in fields if rule_of(kind, each).merge is Merge.REGISTER]
        words = f"of {kind}: {', '.join(known)}" if known else f"say KIND.FIELD, with a kind of: {', '.join(KINDS)}"
        raise Refused(Code.MALFORMED, f"{place} is no field that two people can set to two values; {words}")
