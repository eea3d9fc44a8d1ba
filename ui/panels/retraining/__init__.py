"""Retraining from the page: runs that outlive the console, what they have come to, and their checkpoints."""
