"""The embedded MuJoCo table: Franka FR3, four cameras, and the eight tasks of the paper's table 3."""

from clap.worlds.tabletop.graphics import choose_backend

choose_backend()
