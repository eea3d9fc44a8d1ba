"""The embedded MuJoCo table: Franka FR3, four cameras, and the eight tasks of the paper's table 3."""
