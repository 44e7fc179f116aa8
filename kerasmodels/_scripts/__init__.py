"""Shared code of the scripts in experiments/."""
