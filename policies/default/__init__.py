"""The bundle that ships: data only, read by whoever builds a shell."""
