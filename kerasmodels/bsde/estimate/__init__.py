"""Estimates of u(0, x0) with an interval, from an approximation and fresh paths."""
