"""Worlds for the product to live in: demos, benches, and the breaking of things on purpose."""
