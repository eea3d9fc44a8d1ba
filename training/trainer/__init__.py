"""What every trainer uses: the run with its budget and log, checkpoints, configurations and optimisers."""
