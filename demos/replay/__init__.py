"""Replay of a demonstration: keyframe by keyframe, or every frame."""
