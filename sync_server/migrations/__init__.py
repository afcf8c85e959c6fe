"""How the server's database got from each release's tables to the next (`sync_server.store.schema`)."""
