"""What becomes of a command. Pure rules: values in, values out.

Reading order: `lifecycle` (which steps exist), `merge` (how one edit meets one value), `conflict` (what a clash is),
`decide` (one command against the records, one ruling), `rebase` (what the technician sees meanwhile), `compose` (how
a confirmed proposal becomes a command), `expiry`, `explain` (a ruling in plain words).

Not handled here: signatures, the ledger, the order of a device's chain, storage, time. Callers bring those.
"""
