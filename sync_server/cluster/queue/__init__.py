"""Questions that nobody waits for: durable, decided again before they go anywhere, answered in a record.

    assist.request ──settled──▶ row + record ──lease──▶ decide again ──▶ engine ──▶ assist.recorded ──▶ changes feed

| module | owns |
|---|---|
| `rows` | the row of a task, added in the unit that settles its command |
| `facts` | what the server itself knows of a task, and which decision follows from that |
| `steps` | what to do next: data in, data out |
| `desk` | the worker's side of the database |
| `worker` | carries out the steps |
| `port`, `by_gateway` | what an engine must be honest about; the gateway as that engine |

Rules
1. A task that needs an approval has none of this before it is approved: its command is held
   (`reconciliation.approval`).
2. Right before it leaves it is decided again, from the server's own facts, in the transaction that marks it as
   running. What is denied, or over its time, never leaves; its record says why and what its author can do.
3. One live lease a task; what comes under an older fence is dropped.
4. Records change through commands of the service person alone, so that audit and changes feed hold as for everybody.

Source: docs/adr/0026-queued-questions.md.
"""
