"""Every public object that Keras can serialize: how to make it, what to call it on.

One line each. `test_public_objects.py` fails if one is missing.
"""

from typing import Any, NamedTuple

import numpy as np

from kerasmodels import bsde

GRID = [0.0, 0.3, 0.5, 1.0]


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def times(*shape):
    return np.broadcast_to(np.float32([0.3, 0.5])[None, :, None], shape)


def path_inputs(batch, dim):
    return (normal(batch, 4, dim), normal(batch, 3, dim), np.float32(GRID))


class Entry(NamedTuple):
    make: Any
    inputs: tuple = ()

    @property
    def name(self):
        return type(self.make()).__name__


LAYERS = [
    Entry(lambda: bsde.ZSubnet(3, hidden=[5, 4]), (normal(7, 3),)),
    Entry(lambda: bsde.ZSubnet(3, hidden=[5], batch_norm=True), (normal(7, 3),)),
    Entry(
        lambda: bsde.PerStepControl([bsde.ZSubnet(3), bsde.ZSubnet(3, seed=1)]),
        (times(7, 2, 1), normal(7, 2, 3)),
    ),
    Entry(
        lambda: bsde.StackedControl(2, 3, activation="tanh"),
        (times(7, 2, 1), normal(7, 2, 3)),
    ),
    Entry(
        lambda: bsde.StackedControl(2, 3, batch_norm=True),
        (times(7, 2, 1), normal(7, 2, 3)),
    ),
    Entry(lambda: bsde.SharedControl(3), (times(7, 2, 1), normal(7, 2, 3))),
    Entry(lambda: bsde.ExactControl(bsde.Burgers(3)), (times(7, 2, 1), normal(7, 2, 3))),
    Entry(lambda: bsde.TerminalSkip(2, 4), (normal(7, 2, 1), normal(7, 2, 3))),
]

MODELS = [
    Entry(
        lambda: bsde.GlobalModel(bsde.HJB(3), GRID, terminal_skip=True),
        (path_inputs(7, 3),),
    ),
    Entry(
        lambda: bsde.GlobalModel(bsde.AllenCahn(2, 1.0), GRID, control="shared"),
        (path_inputs(7, 2),),
    ),
    Entry(
        lambda: bsde.GlobalModel(bsde.Heat(2), GRID, control="per-step"),
        (path_inputs(7, 2),),
    ),
]

LOSSES = [
    Entry(lambda: bsde.ClippedSquaredError(0.5), (normal(7, 1), normal(7, 1)[::-1])),
]

EQUATIONS = [
    Entry(lambda: bsde.HJB(3, control_cost=2.0)),
    Entry(lambda: bsde.AllenCahn(3)),
    Entry(lambda: bsde.Burgers(3)),
    Entry(lambda: bsde.BlackScholesBarenblatt(3, rate=0.1)),
    Entry(lambda: bsde.QuadraticGradient(3)),
    Entry(lambda: bsde.ReactionDiffusion(3, kappa=0.5)),
    Entry(lambda: bsde.DifferentRates(3, borrowing_rate=0.07)),
    Entry(lambda: bsde.DefaultRisk(3, recovery=0.5)),
    Entry(lambda: bsde.BlackScholesBasket(3, strike=90.0)),
    Entry(lambda: bsde.Heat(3, x0=[1.0, 2.0, 3.0])),
]

ALL = LAYERS + MODELS + LOSSES + EQUATIONS
