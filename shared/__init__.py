"""The contracts that both sides agree on: what may be said, and what it means.

Owns the words of the product (records, commands, envelopes, outcomes, the sync round, routes, problems) and the
ports through which time, identity and chance enter. Rules about what *happens* to a command live in
`reconciliation`; rules about where a question may run live in `policies`. Nothing here does I/O.
"""
