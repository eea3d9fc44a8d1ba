"""The coarse task planner (paper, section 4.1): what it is asked, how it answers, and where its model runs."""
