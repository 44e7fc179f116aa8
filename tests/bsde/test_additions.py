"""One file each: an equation, a control process and a method of a user's own module."""

import importlib
import sys

import numpy as np
import pytest

from kerasmodels import bsde

MODULE = '''
"""What a user writes beside the package."""

import dataclasses
from typing import ClassVar

import keras

from kerasmodels import bsde
from kerasmodels.bsde.methods.monte_carlo import Expectation
from kerasmodels.bsde.paths import grid

register = keras.saving.register_keras_serializable(package="additions")


@register
class Decay(bsde.Equation):
    """u_t + 1/2 Lap u - u / 2 = 0, u(T, x) = |x|^2."""

    def __init__(self, dim=2):
        super().__init__(dim, 1.0, 0.5)

    def diffusion_prod(self, t, x, dw):
        return dw

    def driver(self, t, x, u, z):
        return -u / 2

    def terminal(self, x):
        return bsde.squared_norm(x)


@register
class Linear(keras.layers.Layer):
    """z = a x with one trainable a."""

    def build(self, t_shape, x_shape):
        self.a = self.add_weight(shape=(), initializer="ones")

    def call(self, t, x):
        return self.a * x


@register
@dataclasses.dataclass(frozen=True)
class Guess(bsde.Method):
    """u0 = `guess`, which the estimate then corrects."""

    approximation: ClassVar[type] = Expectation
    guess: float = 0.0

    def refuses(self, equation):
        return "it has more than two dimensions" if equation.dim > 2 else None

    def fit(self, equation, run):
        run.begin({"guess": self.guess})
        found = Expectation(equation, grid.time_grid(equation.terminal_time, 4), "float64")
        found.set_u0(self.guess)
        yield found
'''


@pytest.fixture(scope="module")
def added(tmp_path_factory):
    folder = tmp_path_factory.mktemp("additions")
    (folder / "additions.py").write_text(MODULE)
    sys.path.insert(0, str(folder))
    yield importlib.import_module("additions")
    sys.path.remove(str(folder))
    del sys.modules["additions"]


# E |x0 + W_1|^2 = 2 (0.25 + 1), discounted at 1/2.
EXACT = np.exp(-0.5) * 2.5


def test_equation_and_method_of_another_module(added, tmp_path):
    method = added.Guess(guess=7.0)
    solution = bsde.solve(added.Decay(), method, tolerance=1e-2, num_paths=40_000)
    assert abs(solution.u0 - EXACT) < 4 * solution.estimate.standard_error
    assert solution.to_dict()["method"] == "Guess"
    # It has no baseline, no training and no z.
    assert solution.baseline_u0 is None and solution.z0 is None and solution.model is None
    assert solution.plot().axes
    solution.save(tmp_path)
    assert bsde.Solution.load(tmp_path).method == method
    with pytest.raises(ValueError, match="by `Guess`, because it has more than two dim"):
        bsde.solve(added.Decay(3), method)


def test_control_process_of_another_module(added):
    solution = bsde.solve(
        added.Decay(),
        control=added.Linear(),
        num_steps=4,
        steps=20,
        max_rounds=1,
        num_paths=8000,
    )
    assert solution.to_dict()["control"] == "Linear"
    assert abs(solution.u0 - EXACT) < 4 * solution.estimate.standard_error
