"""The deep BSDE method: one network for z, trained on the terminal mismatch."""
