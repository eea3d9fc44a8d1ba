"""A real robot as a world: its configuration, its RealSense cameras and their calibration."""
