"""What the words of a manual are, and what may be said from them: pure rules, no I/O."""
