"""Evaluation in parts: episodes watched against the simulator's truth, why they fail, and the report about them."""
