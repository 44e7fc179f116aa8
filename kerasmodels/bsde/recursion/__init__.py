"""One step of u, one step of a path driven by the control, and iterated integrals."""
