"""Camera calibration: boards, samples, hand-eye fit, its quality, and where it is kept."""
