"""What `python -m training.benchmark` measures: one module a section, each with a ``rows`` function."""
