"""Programs that may ask the models, each with a key of which only a hash is kept."""

from dataclasses import dataclass, field

from shared.commands.base import Role
from shared.ids import sha256_hex
from shared.problems import Code, Refused
from shared.routing import DataClass
from sync_server.batch import Batch
from sync_server.office.base import OfficePart, check_name, permit
from sync_server.store import Client, Tx

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class NewClient:
    """A program that was just added; its `key` is shown this once."""

    client: Client
    key: str = field(repr=False)


class Clients(OfficePart):
    """Programs of an organisation."""

    def add_client(self, tenant: str, client: str, data_class: DataClass, actor: str) -> NewClient:
        """A new program, whose words are at least of `data_class`. Raises `Refused`: `not_permitted`, `stale`."""
        check_name("client", client)
        ports = self.service.ports
        made = Client(tenant, client, data_class, ports.clock.now().isoformat())
        key = f"tb-{ports.randomness.draw(KEY_BYTES).hex()}"

        def work(tx: Tx, batch: Batch) -> None:
            permit(tx, tenant, actor, Role.ADMIN)
            tx.add_client(made, sha256_hex(key.encode()))
            batch.note(act="client_added", client=client, actor=actor, data_class=data_class.value)

        self._unit(tenant, work)
        return NewClient(made, key)

    def clients(self, tenant: str) -> list[Client]:
        """Every program, revoked ones too."""
        with self.service.store.transaction() as tx:
            return tx.clients(tenant)

    def revoke_client(self, tenant: str, client: str, actor: str) -> None:
        """A program may ask no more, within seconds. Raises `Refused`: `not_found`, `not_permitted`."""

        def work(tx: Tx, batch: Batch) -> None:
            permit(tx, tenant, actor, Role.ADMIN)
            if not tx.revoke_client(tenant, client, self.service.ports.clock.now()):
                raise Refused(
                    Code.NOT_FOUND, f"there is no client {client} that may ask; see: tailboard-server client list"
                )
            batch.note(act="client_revoked", client=client, actor=actor)

        self._unit(tenant, work)
