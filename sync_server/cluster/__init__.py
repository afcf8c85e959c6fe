"""The gateway to the models that an organisation runs, or lets be run: any engine that speaks OpenAI's HTTP.

Reading order: `upstreams` (which engines there are), the pure state machines `admission`, `quota`, `health` and
`choice`, `task` (what is asked), `engine` (one exchange with one engine), `gateway` (decide again, admit, choose,
exchange, account), `reception` (the database's side), `api` (HTTP), `openapi` (what is
told of it).

Rules
1. Deny by default. The server trusts no decision of a device: it classifies again, decides again from its own facts,
   and uses only places that both decisions permit.
2. Nothing is sent before the decision stands; another upstream takes over only before the first token.
3. No words of a question or an answer in a log, an audit entry, a counter's label or an error.
4. Engines are reached at configured addresses only. A redirect is a fault, not a way.

Source: docs/adr/0025-a-gateway-of-our-own.md.
"""
