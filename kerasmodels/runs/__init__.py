"""Runs that survive: checkpoints, resume, the finite guard, progress, several workers."""
