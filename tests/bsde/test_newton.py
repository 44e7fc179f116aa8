"""Newton's method from the trained u0: where it ends, and where it is refused."""

import dataclasses
import math
import warnings

import pytest

from kerasmodels.bsde.equations import HJB, AllenCahn, QuadraticGradient
from kerasmodels.bsde.estimate import estimator as module
from kerasmodels.bsde.estimate.newton import (
    NewtonWarning,
    attainable_half_width,
    newton_iteration,
    reads_u,
)


def made(u0, half_width=0.1, reach=1.0, growth=0.0):
    numbers = {field.name: 0.0 for field in dataclasses.fields(module.Estimate)}
    numbers |= {"u0": u0, "monte_carlo": half_width, "reach": reach, "growth": growth}
    return module.Estimate(**{**numbers, "num_paths": 100, "refused": False})


class Model:
    """A model that is its u0."""

    def __init__(self, u0, equation):
        self.u0 = u0
        self.equation = equation

    def set_u0(self, value):
        self.u0 = value


# Its driver reads u, and the horizon of 2 shows in a message.
ALLEN_CAHN = AllenCahn(dim=1, terminal_time=2.0)


def iterated(start, step, equation=ALLEN_CAHN, **options):
    """`newton_iteration` where each estimate is `step` of the present u0, and those u0."""
    model, seen = Model(start, equation), []

    def estimator(num_paths, tolerance):
        seen.append(model.u0)
        found = step(model.u0)
        if found is None:
            raise FloatingPointError
        return made(found, **options)

    return newton_iteration(model, estimator, 1e-3), model, seen


def test_it_ends_where_it_moves_less_than_the_uncertainty():
    # Each step halves the distance to 1: 1.8, 1.4, 1.2, 1.1, and from there 0.05 < 0.1.
    estimate, model, seen = iterated(2.6, lambda u0: (u0 + 1) / 2, reach=9.0)
    assert seen == pytest.approx([2.6, 1.8, 1.4, 1.2])
    assert estimate.u0 == model.u0 == pytest.approx(1.1)
    assert not estimate.refused


def test_one_step_is_exact_where_the_driver_is_free_of_u():
    estimate, model, seen = iterated(2.6, lambda u0: (u0 + 1) / 2, HJB(dim=1), reach=9.0)
    assert seen == [2.6] and estimate.u0 == model.u0 == pytest.approx(1.8)
    assert not reads_u(HJB(dim=3)) and reads_u(ALLEN_CAHN)
    # This driver reads t, x and z.
    assert not reads_u(QuadraticGradient(dim=2))


def test_it_goes_back_where_it_does_not_converge():
    # The moves 1 and 2: the second is not made.
    estimate, model, seen = iterated(1.0, lambda u0: 2 * u0, reach=9.0)
    assert seen == [1.0, 2.0]
    assert estimate.u0 == 2.0 and model.u0 == 1.0
    # A state whose paths are not finite is left as well.
    estimate, model, _ = iterated(1.0, lambda u0: 2.0 if u0 == 1.0 else None, reach=9.0)
    assert estimate.u0 == 2.0 and model.u0 == 1.0
    with pytest.raises(FloatingPointError):
        iterated(1.0, lambda u0: None)


def test_a_move_beyond_the_mismatch_is_refused_with_the_interval_of_the_trained_u0():
    with pytest.warns(NewtonWarning, match="by 3, where .* allows 1.*the trained u0.$"):
        estimate, model, _ = iterated(5.0, lambda u0: 8.0)
    assert estimate.u0 == model.u0 == 5.0
    assert estimate.refused and estimate.imperfect_z == 1.0
    assert estimate.interval == pytest.approx((5.0 - 1.1, 5.0 + 1.1))
    # A stiff driver is named: e^50 over a horizon of 2.
    with pytest.warns(NewtonWarning, match=r"stiff: .* to e\^50 .* about -25,"):
        iterated(5.0, lambda u0: 8.0, growth=50.0)


def test_moves_within_the_mismatch_and_its_noise_are_made():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not iterated(5.0, lambda u0: 6.09)[0].refused
    with pytest.warns(NewtonWarning):
        assert iterated(5.0, lambda u0: 6.11)[0].refused


def test_more_paths_narrow_the_part_of_their_number_alone():
    estimate = dataclasses.replace(made(1.0, 0.4), time_grid=0.01, imperfect_z=0.02)
    assert attainable_half_width(estimate, 400) == pytest.approx(0.03 + 0.2)
    assert attainable_half_width(estimate, 50) == pytest.approx(0.03 + 0.4)
    assert math.isfinite(attainable_half_width(estimate, 10**12))
