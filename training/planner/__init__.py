"""Training of the coarse task planner."""
