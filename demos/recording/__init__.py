"""Recording: from an episode's motions to a take of the store."""
