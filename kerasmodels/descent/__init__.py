"""Gradient descent step by step: paths of weights, learning rates, momentum."""

from kerasmodels.descent.line import fit_line, line_cost, line_data
from kerasmodels.descent.momentum import SGD, kick
from kerasmodels.descent.weight_path import WeightPath
from kerasmodels.descent.well import Well, regime

__all__ = [
    "SGD",
    "WeightPath",
    "Well",
    "fit_line",
    "kick",
    "line_cost",
    "line_data",
    "regime",
]
