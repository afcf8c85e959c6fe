"""The server's side: authoritative records, the ledger, the audit, and the people at the office.

`api` translates HTTP to contracts and nothing else; `service` does each piece of work in one transaction; `batch`
receives and settles commands; `admission` decides whose bytes they are; `store` keeps everything; `office` is what an
administrator does.
"""
