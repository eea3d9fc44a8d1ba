"""Training data, training of the planner and the predictor, and evaluation."""

# `python -m training.evaluate` and the like: the modules of commands and experiments lie in folders of theirs.
__path__ += [f"{__path__[0]}/commands", f"{__path__[0]}/experiments"]
