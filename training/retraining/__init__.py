"""Retraining from recorded demonstrations in parts; `python -m training.retrain` runs them one after the other."""
