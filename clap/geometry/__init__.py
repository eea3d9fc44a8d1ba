"""Frames and units, poses, the canonical views and their z-buffer, RGB-D observations and the fused point cloud."""
