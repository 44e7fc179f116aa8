"""One neuron: linear, step, sigmoid, threshold; and training for accuracy itself."""

from kerasmodels.neurons.cuts import best_threshold
from kerasmodels.neurons.data import eights, five_points
from kerasmodels.neurons.descent import descend
from kerasmodels.neurons.smooth_accuracy import (
    AnnealTemperature,
    SmoothAccuracy,
    smooth_accuracy,
)
from kerasmodels.neurons.threshold_rule import ThresholdRule
from kerasmodels.neurons.units import LinearUnit, Perceptron, SigmoidUnit

__all__ = [
    "AnnealTemperature",
    "LinearUnit",
    "Perceptron",
    "SigmoidUnit",
    "SmoothAccuracy",
    "ThresholdRule",
    "best_threshold",
    "descend",
    "eights",
    "five_points",
    "smooth_accuracy",
]
