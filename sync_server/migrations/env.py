"""What Alembic asks for: it runs on the connection that `sync_server.store.schema` hands it, in its transaction."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    render_as_batch=True,  # SQLite alters a table by making it anew
    transactional_ddl=True,  # SQLite can; Alembic does not expect it to
)
context.run_migrations()
