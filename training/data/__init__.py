"""The paper's three data sets: language plans, object positions and trajectories, as shards."""
