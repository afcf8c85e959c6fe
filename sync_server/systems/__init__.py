"""Systems of record: other people's software that must hear of a command exactly once."""
