"""The model on the device: the port it stands behind, the file it comes from, and llama.cpp."""
