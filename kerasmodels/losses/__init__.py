"""Losses and metrics for segmentation with rare classes."""

from kerasmodels.losses.generalized_dice import (
    GeneralizedDice,
    generalized_dice,
    generalized_dice_weights,
)
from kerasmodels.losses.mean_dice import MeanDice

__all__ = [
    "GeneralizedDice",
    "MeanDice",
    "generalized_dice",
    "generalized_dice_weights",
]
