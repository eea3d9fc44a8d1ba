"""Whole experiments, from data to table: clap-mini, the paper's table 2, the closed loop."""
