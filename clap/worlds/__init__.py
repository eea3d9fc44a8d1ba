"""Worlds: one protocol, several places to act in."""
