"""Recorded demonstrations as training data: their steps, what can be learned of the things in them, their shards."""
