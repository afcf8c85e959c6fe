"""The parts that several screens share. They are given values and show them."""
