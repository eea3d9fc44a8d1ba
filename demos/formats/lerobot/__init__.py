"""LeRobot v3 sets of others in, and chosen episodes out."""
