"""Methods: each finds an approximation of u and z."""
