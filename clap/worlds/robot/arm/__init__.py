"""Arms: the protocol, the process that drives one, its motions and limits, and the adapters."""
