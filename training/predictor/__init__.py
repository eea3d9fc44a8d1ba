"""Training of the fine action predictor."""
