"""What decides: the policy protocol, CLAP, the scripted expert, and checkpoints."""
