"""Time grids, Brownian increments, forward paths, and data sets of them."""
