"""Demonstrations on the disk: a crash-safe set of LeRobot v3 files."""
