"""Training data, training of the planner and the predictor, and evaluation."""
