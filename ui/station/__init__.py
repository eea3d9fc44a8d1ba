"""One world in a process of its own: what the server says to it, what it answers, and the memory both share."""
