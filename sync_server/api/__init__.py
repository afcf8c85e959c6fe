"""HTTP to contracts and back, and nothing else."""
