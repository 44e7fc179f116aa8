"""Losses and metrics for segmentation with rare classes, and a comparison of losses."""

from kerasmodels.losses.comparison import compare_losses
from kerasmodels.losses.generalized_dice import (
    GeneralizedDice,
    generalized_dice,
    generalized_dice_weights,
)
from kerasmodels.losses.mean_dice import MeanDice

__all__ = [
    "GeneralizedDice",
    "MeanDice",
    "compare_losses",
    "generalized_dice",
    "generalized_dice_weights",
]
