"""Demonstrations on the page: a process of its own reads the sets, and the server passes on what it says."""
