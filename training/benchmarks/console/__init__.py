"""Figures of the console from the real page in Chromium: Stop, driving, what is seen, a day's use in short."""
