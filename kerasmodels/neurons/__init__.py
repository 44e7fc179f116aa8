"""One neuron: linear, step, sigmoid, threshold; and training for accuracy itself."""

from kerasmodels.neurons.cuts import best_threshold
from kerasmodels.neurons.smooth_accuracy import (
    AnnealTemperature,
    SmoothAccuracy,
    smooth_accuracy,
)
from kerasmodels.neurons.units import (
    LinearUnit,
    Perceptron,
    SigmoidUnit,
    ThresholdRule,
)

__all__ = [
    "AnnealTemperature",
    "LinearUnit",
    "Perceptron",
    "SigmoidUnit",
    "SmoothAccuracy",
    "ThresholdRule",
    "best_threshold",
    "smooth_accuracy",
]
