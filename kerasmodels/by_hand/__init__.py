"""Networks with hand-derived gradients, and checks that find a wrong one."""

from kerasmodels.by_hand.activations import ACTIVATIONS
from kerasmodels.by_hand.check_gradients import check_gradients
from kerasmodels.by_hand.dense import HandDense
from kerasmodels.by_hand.diagnose import Finding, diagnose
from kerasmodels.by_hand.explain_backward import explain_backward
from kerasmodels.by_hand.initializers import ProductUniform, ShiftedUniform
from kerasmodels.by_hand.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    SquaredError,
    loss_of_shares,
)
from kerasmodels.by_hand.mistakes import MISTAKES
from kerasmodels.by_hand.network import HandNetwork
from kerasmodels.by_hand.recipes import RECIPES, Recipe, dense_network, recipe
from kerasmodels.by_hand.side_by_side import Variant, side_by_side
from kerasmodels.by_hand.softmax_loss import softmax_loss_naive, softmax_loss_vectorized

__all__ = [
    "ACTIVATIONS",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Finding",
    "HandDense",
    "HandNetwork",
    "MISTAKES",
    "ProductUniform",
    "RECIPES",
    "Recipe",
    "ShiftedUniform",
    "SquaredError",
    "Variant",
    "check_gradients",
    "dense_network",
    "diagnose",
    "explain_backward",
    "loss_of_shares",
    "recipe",
    "side_by_side",
    "softmax_loss_naive",
    "softmax_loss_vectorized",
]
