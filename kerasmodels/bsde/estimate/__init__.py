"""From an approximation to u(0, x0) with its interval, on fresh paths."""
