"""Whether a model is good enough for this device: fixed suites as data, and the gate that they make."""
