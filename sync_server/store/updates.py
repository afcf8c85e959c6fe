"""The files of a tenant's update repository: signed metadata, and what it vouches for."""

from sqlalchemy import Column, LargeBinary, bindparam, delete, select
from sqlmodel import Field

from sync_server.store.base import Fixed, Part, Table, table_of


class UpdateFileRow(Table, table=True):
    """One file by its name below the repository's address."""

    __tablename__ = "update_file"
    tenant: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


UPDATE_FILE = table_of(UpdateFileRow)
_OF = UPDATE_FILE.c.tenant == bindparam("of")
_CONTENT = Fixed(select(UPDATE_FILE.c.content).where(_OF, UPDATE_FILE.c.name == bindparam("named")))
_NAMES = Fixed(select(UPDATE_FILE.c.name).where(_OF).order_by(UPDATE_FILE.c.name))


class UpdateFiles(Part):
    """Files of update repositories."""

    def put_update_file(self, tenant: str, name: str, content: bytes) -> None:
        """Keep a file, in the place of one of that name."""
        statement = self._insert(UPDATE_FILE).values(tenant=tenant, name=name, content=content)
        self._do(statement.on_conflict_do_update(index_elements=["tenant", "name"], set_={"content": content}))

    def update_file(self, tenant: str, name: str) -> bytes | None:
        """A file; None if there is none of that name."""
        row = self._one(_CONTENT, of=tenant, named=name)
        return bytes(row.content) if row else None

    def update_names(self, tenant: str) -> list[str]:
        """The names of all files, sorted."""
        return [row.name for row in self._all(_NAMES, of=tenant)]

    def drop_update_file(self, tenant: str, name: str) -> None:
        """Forget a file."""
        self._do(delete(UPDATE_FILE).where(UPDATE_FILE.c.tenant == tenant, UPDATE_FILE.c.name == name))
