"""One module a command: ``python -m training.evaluate`` finds ``training/commands/evaluate.py`` (see ``training``)."""
