"""Methods by name: each finds an approximation of u and z."""

from kerasmodels.bsde.methods.deep_bsde.method import DeepBSDE
from kerasmodels.bsde.methods.monte_carlo import MonteCarlo
from kerasmodels.bsde.methods.regression.method import Regression

# The name by which `solve` finds a method: one line for each.
METHODS = {
    "deep_bsde": DeepBSDE,
    "monte_carlo": MonteCarlo,
    "regression": Regression,
}
