"""Many solves: sweeps in parallel processes, and Ray."""
