"""Other formats in and out: LeRobot, GemBench, RLBench, and the Hugging Face Hub."""
