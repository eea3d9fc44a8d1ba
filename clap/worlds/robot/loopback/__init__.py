"""Hardware that is none: libfranka's protocol and software cameras over the simulated table."""
