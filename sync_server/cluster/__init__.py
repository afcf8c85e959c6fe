"""The cluster: where it is asked, and how it is asked fairly."""
