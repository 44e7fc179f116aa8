"""Checks of an equation before anything is trained on it."""
