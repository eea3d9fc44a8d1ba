"""CLAP: a coarse-to-fine, language-aligned manipulation policy, and the worlds it acts in."""
