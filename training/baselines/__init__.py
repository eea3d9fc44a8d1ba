"""Policies that CLAP is compared with, trained on the same demonstrations."""
