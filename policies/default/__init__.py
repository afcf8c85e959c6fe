"""The bundle that ships, and its conformance corpus: data only, read by whoever builds a shell."""
