"""What becomes of a command. Pure rules: values in, values out.

Reading order: `lifecycle` (which steps exist), `merge` (how one edit meets one value), `conflict` (what a clash is),
`draft` (a command read once), `ruling` (what goes into a decision and what can come out), `decide` (one command
against the records, one ruling), `approval` (somebody else's yes), `scope` (who sees what), `dependants` (what waits
on what), `external` (what leaves for another system), `rebase` (what the technician sees meanwhile), `preview` (what
a command would change), `compose` (how a confirmed proposal becomes a command), `expiry` (how long things last),
`explain` (a ruling in plain words).

Not handled here: signatures, the ledger, the order of a device's chain, storage, time. Callers bring those.
"""
