"""The battery over methods: what every one of them must do."""

import json

import keras
import numpy as np
import pytest

from kerasmodels import bsde
from kerasmodels.bsde.methods import METHODS
from tests import public_objects
from tests.helpers import Hand

EVERY = pytest.mark.parametrize(
    "method",
    [entry.make() for entry in public_objects.METHODS],
    ids=[entry.name for entry in public_objects.METHODS],
)
# A driver that every method takes, with a known solution: f = 0.
EQUATION = bsde.Heat(2)
PATHS = {"num_paths": 4000, "tolerance": 1e-2}


def test_every_method_has_a_name_and_is_in_the_battery():
    assert {type(entry.make()) for entry in public_objects.METHODS} == set(METHODS.values())


@EVERY
def test_settings_are_frozen(method):
    with pytest.raises(AttributeError):
        method.dtype = "float64"


@EVERY
def test_interval_is_finite_and_holds_the_solution(method):
    solution = bsde.solve(EQUATION, method, **PATHS)
    low, high = solution.interval
    assert np.isfinite([low, high]).all() and low < 2.0 < high
    assert solution.method is method
    assert json.loads(json.dumps(solution.to_dict(), allow_nan=False))["u0"] == solution.u0
    assert solution.plot().axes


@EVERY
def test_saved_solution_comes_back(method, tmp_path):
    solution = bsde.solve(EQUATION, method, **PATHS)
    solution.save(tmp_path)
    again = bsde.Solution.load(tmp_path)
    assert json.dumps(again.to_dict()) == json.dumps(solution.to_dict())
    assert again.method == solution.method
    # The approximation is the same function: another estimate draws the same numbers.
    first, second = (
        bsde.estimate_u0(found.approximation, 500, seed=5) for found in (solution, again)
    )
    assert first.u0 == pytest.approx(second.u0, rel=1e-6)


@EVERY
def test_resumed_run_ends_as_the_whole_one(method, tmp_path):
    whole = bsde.solve(EQUATION, method, **PATHS)
    options = {**PATHS, "checkpoints": tmp_path, "checkpoint_every": 4}

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 7:
                raise KeyboardInterrupt

    try:
        bsde.solve(EQUATION, method, callbacks=[Stop()], **options)
    except KeyboardInterrupt as stop:
        assert 0 < stop.partial["steps"] < 20
    again = bsde.solve(EQUATION, method, resume=True, **options)
    assert (again.u0, again.interval) == (whole.u0, whole.interval)


@pytest.mark.parametrize(
    "equation, words",
    [(bsde.HJB(2), "depends on z"), (bsde.AllenCahn(2), "not linear in u")],
)
def test_what_a_method_cannot_solve_is_refused_with_the_reason(equation, words):
    assert bsde.DeepBSDE().refuses(equation) is None
    assert words in bsde.MonteCarlo().refuses(equation)
    with pytest.raises(
        ValueError, match=f"(?s)by `MonteCarlo`, because.*{words}.*deep_bsde"
    ):
        bsde.solve(equation, "monte_carlo")


def test_monte_carlo_discounts_by_the_driver():
    # f = -0.3 u: u0 = exp(-0.3) E g(X_1) with X_1 = 0.5 + W and g = |x|^2.
    solution = bsde.solve(
        Hand(dim=1, x0=0.5, a=-0.3), "monte_carlo", num_paths=40_000, tolerance=1e-3
    )
    exact = np.exp(-0.3) * 1.25
    assert abs(solution.u0 - exact) < 4 * solution.estimate.standard_error
    assert solution.interval[0] < exact < solution.interval[1]
    assert solution.estimate.half_width < 0.02 and solution.estimate.imperfect_z < 1e-6


def test_method_is_a_name_a_class_or_an_instance(monkeypatch):
    made = []
    monkeypatch.setattr(
        bsde.MonteCarlo, "refuses", lambda self, equation: made.append(self) or "stop"
    )
    for method in ("monte_carlo", bsde.MonteCarlo):
        with pytest.raises(ValueError, match="stop"):
            bsde.solve(EQUATION, method, num_steps=7)
    with pytest.raises(ValueError, match="stop"):
        bsde.solve(EQUATION, bsde.MonteCarlo(num_steps=7))
    assert made == [bsde.MonteCarlo(num_steps=7)] * 3


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"stepz": 3}, "Did you mean 'steps'"),
        ({"method": "deep_bsdf"}, "Did you mean 'deep_bsde'"),
        ({"method": "monte_carlo", "steps": 3}, "`setting`"),
        ({"method": bsde.MonteCarlo(), "num_steps": 3}, "made already"),
        ({"run": bsde.Run(), "verbose": 1}, "setting"),
        ({"run": 3}, "`run`"),
    ],
)
def test_settings_of_another_method_are_refused_by_name(arguments, words):
    with pytest.raises(ValueError, match=words):
        bsde.solve(EQUATION, **arguments)


@EVERY
@pytest.mark.parametrize(
    "part, value, words",
    [
        ("obstacle", lambda t, x: 0 * t, "it has an obstacle"),
        ("jumps", lambda t, x: 0 * x, "its paths jump"),
        ("coupled", True, "its coefficients depend on u or z"),
    ],
)
def test_declared_part_that_no_method_treats_is_refused(method, part, value, words):
    assert method.refuses(EQUATION) is None
    declared = type("Declared", (bsde.Heat,), {part: value})(2)
    # Discounting leaves the parts of an equation where they are.
    for equation in (declared, bsde.Discounted(declared, 0.1)):
        assert words in method.refuses(equation)
        with pytest.raises(
            ValueError, match=f"by `{type(method).__name__}`, because {words}"
        ):
            bsde.solve(equation, method)


def test_model_made_by_hand_refuses_a_declared_part():
    coupled = type("Declared", (bsde.Heat,), {"coupled": True})(2)
    keras.saving.register_keras_serializable("tests")(type(coupled))
    with pytest.raises(ValueError, match="`GlobalModel` cannot solve.*depend on u or z"):
        bsde.GlobalModel(coupled, num_steps=2)


@EVERY
def test_number_or_table_with_the_name_of_a_part_is_no_part(method):
    times = type("Times", (bsde.Heat,), {"jumps": (0.5, 1.0), "obstacle": 3.0})(2)
    assert method.refuses(times) is None


def test_a_method_that_treats_a_part_takes_the_equation():
    treating = type("Treating", (bsde.MonteCarlo,), {"treats": ("jumps",)})
    jumping = type("Jumping", (bsde.Heat,), {"jumps": lambda self, t, x: 0 * x})(2)
    assert treating().refuses(jumping) is None
