"""What the server is told, and tells, of how questions were decided and run: traces, metrics, spans.

Nothing here holds a word that anybody said. Where to start reading: `shared/evidence.py`, `shared/metrics.py`.
"""
