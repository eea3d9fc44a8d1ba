"""Demonstrations: what a person or a policy did, recorded for training."""
