"""The method of regressions: least squares, one pass, driven passes, refusals."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from kerasmodels import bsde
from kerasmodels.bsde.methods.base import Round
from kerasmodels.bsde.methods.regression import backward
from kerasmodels.bsde.methods.regression.approximation import Regressed
from kerasmodels.bsde.methods.regression.backward import StepTooLong
from kerasmodels.bsde.methods.regression.features import Features, statistics_of
from kerasmodels.bsde.methods.regression.graphs import Graphs
from kerasmodels.bsde.methods.regression.least_squares import LeastSquares
from kerasmodels.bsde.methods.regression.method import _Passes
from kerasmodels.bsde.methods.regression.paths import sample
from kerasmodels.bsde.solve import _methods_and_run as methods_and_run
from tests.helpers import Hand

RUN = types.SimpleNamespace(seed=0, line=types.SimpleNamespace(phase=lambda text: None))


def first_round(method, equation):
    return next(method.fit(equation, RUN))


def test_least_squares_finds_the_weights_and_what_is_left():
    rng = np.random.default_rng(0)
    values = np.concatenate([np.ones((4000, 1)), rng.normal(3.0, 2.0, (4000, 4))], axis=1)
    weights = np.array([2.0, -1.0, 0.5, 0.0, 3.0])
    noise = 0.1 * rng.normal(size=4000)
    found, left = LeastSquares(values, 5)(values @ weights + noise)
    # Five standard errors: 0.1 / (2 sqrt(4000)), and that of the constant.
    np.testing.assert_allclose(found[1:], weights[1:], atol=5 * 0.1 / 2 / 4000**0.5)
    assert abs(found[0] - 2.0) < 5 * 0.1 * 4 / 4000**0.5
    # The mean square of 1000 normals.
    assert left == pytest.approx(0.01, rel=5 * (2 / 1000) ** 0.5)


def test_least_squares_drops_features_that_the_rows_held_out_do_not_confirm():
    rng = np.random.default_rng(1)
    base = np.concatenate([np.ones((200, 1)), rng.normal(size=(200, 1))], axis=1)
    noise = rng.normal(size=(200, 90))
    values = np.concatenate([base, noise], axis=1)
    weights, _ = LeastSquares(values, 2)(base @ [1.0, 2.0] + rng.normal(size=200))
    assert np.all(weights[2:] == 0) and np.all(weights[:2] != 0)
    # They are used where they explain something.
    weights, _ = LeastSquares(values, 2)(noise @ np.arange(90.0))
    np.testing.assert_allclose(weights[2:], np.arange(90.0), atol=1e-2)


def test_constant_feature_gets_no_weight():
    rng = np.random.default_rng(2)
    values = np.concatenate([np.ones((100, 2)), rng.normal(size=(100, 1))], axis=1)
    values[:, 1] += 1e-6 * rng.normal(size=100)
    weights, _ = LeastSquares(values, 3)(rng.normal(size=100))
    assert weights[1] == 0


def one_pass(
    equation, num_paths=2000, before=None, num_steps=8, own=None, graphs=None, number=1
):
    grid = np.linspace(0.0, equation.terminal_time, num_steps + 1)
    key = 0, number
    paths = sample(equation, grid, num_paths, key, "float64", before, graphs=graphs)
    statistics = statistics_of(equation, grid, paths.x)
    features = Features(equation, statistics, 5, 0, "float64", own)
    steps = None if graphs is None else graphs.steps(features, paths.noise)
    found = backward.backward_pass(equation, grid, features, paths, steps=steps)
    return Regressed(features, found), paths


@keras.saving.register_keras_serializable(package="test_regression")
class Counted(bsde.HJB):
    """Counts how often Python runs its driver: in each tracing, not in the graphs."""

    calls = 0

    def driver(self, t, x, u, z):
        Counted.calls += 1
        return super().driver(t, x, u, z)


def test_passes_share_graphs_and_give_the_numbers_of_fresh_ones():
    equation = Counted(2, control_cost=3.0)
    options = {"num_paths": 200, "num_steps": 3}
    graphs, found, calls = Graphs(equation), [None], []
    for number in range(1, 5):
        before = Counted.calls
        found.append(
            one_pass(equation, before=found[-1], graphs=graphs, number=number, **options)[0]
        )
        calls.append(Counted.calls - before)
    # The first pass is not driven, the second one is. Outside of graphs the driver runs
    # once per pass, at x0.
    assert calls[0] > 1 and calls[1] > 1 and calls[2:] == [1, 1]
    alone, _ = one_pass(equation, before=found[-2], number=4, **options)
    np.testing.assert_array_equal(alone.found.coefficients, found[-1].found.coefficients)
    # Earlier passes keep their own numbers.
    first, _ = one_pass(equation, number=1, **options)
    point = tf.constant([[0.3, -0.2]], "float64")
    t = tf.zeros((1, 1), "float64") + 1 / 3
    for fresh, kept in zip(
        first.value_and_z(1, t, point), found[1].value_and_z(1, t, point)
    ):
        np.testing.assert_array_equal(fresh, kept)


def test_pass_finds_a_solution_that_its_features_hold():
    # u = |x|^2 + d (T - t) and z = 2 x, for dX = dW and f = 0.
    found, paths = one_pass(Hand(dim=3), num_paths=8000)
    for k in (1, 4, 7, 8):
        x = paths.x[k][:50]
        square = np.sum(np.square(x), axis=-1, keepdims=True)
        t = tf.fill((50, 1), tf.constant(k / 8, "float64"))
        u, z = found.value_and_z(tf.constant(k), t, x)
        # Little is left of the noise of the grid, because z is linear in x: what the bound
        # on squares does to |x|^2.
        np.testing.assert_allclose(u, square + 3 * (1 - k / 8), atol=0.04)
        np.testing.assert_allclose(z, 2 * x, atol=0.06)
    assert found.found.u0 == pytest.approx(0.75 + 3.0, abs=0.02)
    np.testing.assert_allclose(found.z0, 1.0, atol=0.08)


def test_z_is_the_derivative_of_u():
    found, _ = one_pass(bsde.AllenCahn(4))
    x = tf.constant(np.random.default_rng(1).normal(size=(20, 4)))
    t, step = tf.fill((20, 1), tf.constant(3 / 8 * 0.3, "float64")), 1e-5
    for i in range(4):
        shift = step * np.eye(4)[i]
        above, below = (found.value_and_z(3, t, x + s)[0] for s in (shift, -shift))
        slope = (above - below) / (2 * step)
        # sigma = sqrt 2 times the unit matrix.
        z = found.z(tf.constant(2), t, x)[:, i : i + 1]
        np.testing.assert_allclose(2**0.5 * slope, z, rtol=1e-5, atol=1e-8)


def test_u_between_two_times_lies_on_the_line_between_their_values():
    found, _ = one_pass(Hand(dim=2))
    x = tf.constant([[0.3, -0.2]], "float64")
    quarter = tf.constant([[0.25]], "float64")
    at = [found.u(tf.constant([[t]], "float64"), x) for t in (0.25, 0.3125, 0.375)]
    np.testing.assert_allclose(at[1], (at[0] + at[2]) / 2, rtol=1e-12)
    np.testing.assert_allclose(at[0], found.value_and_z(2, quarter, x)[0], rtol=1e-12)


@pytest.mark.parametrize("a, b", [(0.0, 0.4), (-0.5, 0.3)])
def test_linear_driver_agrees_with_the_ordinary_differential_equation(a, b):
    # u = p(t) |x|^2 + q(t): p' + (a + 2 b) p = 0, q' + d p + a q = 0, p(T) = 1, q(T) = 0.
    equation = Hand(dim=2, a=a, b=b)
    p = np.exp(a + 2 * b)
    q = 2 * np.exp(a) * (np.expm1(2 * b) / (2 * b) if b else 1.0)
    exact = p * 0.5 + q
    undriven, _ = one_pass(equation, num_paths=8000, num_steps=16)
    driven, paths = one_pass(equation, num_paths=8000, before=undriven, num_steps=16)
    # dt^2 = 1/256, and the noise of the grid over 8000 paths, 0.3 %.
    assert undriven.found.u0 == pytest.approx(exact, rel=0.01)
    assert driven.found.u0 == pytest.approx(exact, rel=0.01)
    # df/dz = b x drives the paths: E X_T = x0 e^b.
    mean = np.mean(paths.x[-1])
    assert mean == pytest.approx(0.5 * (1 + b / 16) ** 16, abs=0.04)


@keras.saving.register_keras_serializable(package="tests")
def product(t, x):
    """The part of the solution of `Product` that does not depend on time."""
    return 3 * x[:, :1] * x[:, 1:2] * x[:, 2:3]


@keras.saving.register_keras_serializable(package="tests")
class Product(bsde.Heat):
    """u = 3 x_1 x_2 x_3 + e^(T - t) w, where w = x_1^3 - 3 x_1 x_2^2 is harmonic."""

    def exact_solution(self, t, x):
        return product(t, x) + keras.ops.exp(self.terminal_time - t) * self.harmonic(x)

    def harmonic(self, x):
        return x[:, :1] ** 3 - 3 * x[:, :1] * x[:, 1:2] ** 2

    def driver(self, t, x, u, z):
        return u - product(t, x)

    def terminal(self, x):
        return product(0.0, x) + self.harmonic(x)


def test_features_of_the_user_are_used(tmp_path):
    # q and the product span u, and q alone does not.
    errors = []
    for own in (None, product):
        found, paths = one_pass(Product(3), own=own)
        t, x = tf.fill((2000, 1), tf.constant(0.25, "float64")), paths.x[2]
        error = found.value_and_z(2, t, x)[0] - Product(3).exact_solution(t, x)
        errors.append(np.std(error))
    assert errors[1] < errors[0] / 2
    method = bsde.Regression(num_steps=4, num_paths_per_pass=200, features=product)
    solution = bsde.solve(Product(3), method, num_paths=500, tolerance=0.5)
    solution.save(tmp_path)
    again = bsde.Solution.load(tmp_path)
    assert again.method == method and again.approximation.features.own is product


@pytest.mark.slow
def test_paths_that_a_driver_moves_are_found_by_weaker_drivers_first():
    # lambda = 20: int |df/dz|^2 dt is far from that of the undriven paths.
    equation = bsde.HJB(20, control_cost=20.0)
    method = bsde.Regression(num_steps=60, num_paths_per_pass=1000)
    found = first_round(method, equation)
    exact = equation.reference().value
    assert found.found.b_square > 4.0
    # |b|^2 dt is 0.5 in a step, so that 60 steps leave 3 %; the undriven E g is twice that.
    assert found.found.u0 == pytest.approx(exact, rel=0.04)
    assert found.contradicted_by(bsde.estimate_u0(found, 2000)) is None


def test_estimate_that_leaves_the_region_contradicts():
    found, _ = one_pass(bsde.HJB(3, control_cost=2.0))
    ours = found.found
    numbers = {"drift_size": ours.b_square, "mismatch_std": ours.residual}
    far = {"num_paths": 100, "standard_error": 0.4 * ours.residual}
    near = types.SimpleNamespace(**numbers, **far)
    assert found.contradicted_by(near) is None
    near.drift_size = 2 * ours.b_square + 0.1
    assert "region" in found.contradicted_by(near)
    near.drift_size, near.mismatch_std = ours.b_square, 4 * ours.residual
    assert "features" in found.contradicted_by(near)
    # Few paths grow far, and count for little in u0.
    near.standard_error = 0.2 * ours.residual
    assert found.contradicted_by(near) is None
    near.mismatch_std = near.standard_error = np.nan
    assert "features" in found.contradicted_by(near)


@keras.saving.register_keras_serializable(package="tests")
class Decaying(bsde.Heat):
    """f = -rate u: stiff where the rate is large."""

    def __init__(self, dim=1, rate=60.0):
        super().__init__(dim)
        self.rate = rate

    def driver(self, t, x, u, z):
        return -self.rate * u

    def exact_solution(self, t, x):
        return None

    def reference(self):
        return None


def test_stiff_driver_takes_more_steps_or_is_refused():
    method = bsde.Regression(num_steps=40, num_paths_per_pass=200)
    # |df/du| dt = 60 / 40 is too much, and 60 / 160 is not.
    assert first_round(method, Decaying()).num_steps == 160
    with pytest.raises(bsde.MethodFailed, match="stiff: .df/du. is about 1e"):
        first_round(method, Decaying(rate=1000.0))
    given = bsde.Regression(grid=np.linspace(0, 1, 41).tolist(), num_paths_per_pass=200)
    with pytest.raises(bsde.MethodFailed, match="40 time steps are too few"):
        first_round(given, Decaying())


class Pushed(bsde.Heat):
    """f = 7 z: paths move by b = 7, and int b^2 dt = 49."""

    def driver(self, t, x, u, z):
        return 7.0 * z[:, :1]

    def exact_solution(self, t, x):
        return None

    def reference(self):
        return None


def test_drift_that_the_steps_cannot_follow_takes_more_steps_or_is_refused():
    # A step of dt follows b^2 dt up to 4, so N steps int b^2 dt up to 4 N.
    method = bsde.Regression(num_steps=4, num_paths_per_pass=100)
    found = first_round(method, Pushed(1))
    assert found.num_steps == 16
    assert found.found.b_square == pytest.approx(49.0, rel=1e-3)
    assert found.found.b_square_driven == pytest.approx(49.0, rel=1e-3)
    given = bsde.Regression(grid=np.linspace(0, 1, 5).tolist(), num_paths_per_pass=100)
    with pytest.raises(bsde.MethodFailed, match="4 time steps can follow 16"):
        first_round(given, Pushed(1))


def passes_that_explode(limit):
    """`_Passes` whose stubs explode where the driver grows by more than `limit`."""
    passes, strengths = _Passes(bsde.Regression(), None, RUN), []

    def one(grid, num_paths, before=None, strength=1.0):
        strengths.append(strength)
        last = before.strength if before else 0.0
        exploded = last > 0 and strength / last > limit(strength)
        if before is None and strength == 1.0:
            raise bsde.MethodFailed("at once")
        found = types.SimpleNamespace(b_square=1e6 if exploded else 100.0)
        return types.SimpleNamespace(found=found, strength=strength)

    passes._one = one
    return passes, strengths


def test_driver_grows_more_slowly_where_a_pass_explodes():
    passes, strengths = passes_that_explode(lambda strength: 1.3)
    found = passes._undriven(np.linspace(0, 1, 5), 100)
    assert found.strength == 1.0
    # The whole driver, none of it, the first part, half as much again, and less.
    assert strengths[:4] == pytest.approx([1.0, 0.0, 0.2, 0.3])
    assert strengths[4:6] == pytest.approx([0.2 * 1.5**0.5, 0.2 * 1.5])


def test_passes_that_explode_however_slowly_the_driver_grows_ask_for_shorter_steps():
    passes, strengths = passes_that_explode(lambda strength: 1.01 if strength > 0.5 else 2)
    with pytest.raises(StepTooLong, match="explode beyond 0.[45].* on 4 time steps"):
        passes._undriven(np.linspace(0, 1, 5), 100)
    # On shorter steps the passes go on from the last good one.
    strengths.clear()
    passes._one = passes_that_explode(lambda strength: 2)[0]._one
    assert passes._undriven(np.linspace(0, 1, 9), 100).strength == 1.0
    assert passes._reached[1] == 1.0


def test_round_that_fresh_paths_contradict_is_followed_by_more_paths():
    texts = []
    line = types.SimpleNamespace(phase=texts.append)
    run = types.SimpleNamespace(seed=0, line=line)
    estimate = types.SimpleNamespace(time_grid=7.0, imperfect_z=2.0, monte_carlo=0.1)
    rounds = bsde.Regression(num_steps=4, num_paths_per_pass=100).fit(Hand(dim=2), run)
    next(rounds)
    rounds.send(Round(estimate, np.inf))
    rounds.send(Round(estimate, np.inf))
    with pytest.raises(StopIteration):
        rounds.send(Round(estimate, np.inf))
    paths = [int(text.split()[2]) for text in texts]
    assert sorted(set(paths)) == [100, 400, 1600]


class Exploding(bsde.Heat):
    """dX = X^3 dt + dW, which no path survives."""

    def drift(self, t, x):
        return 1e3 * x**3

    def step(self, t, dt, x, dw):
        return x + self.drift(t, x) * dt + dw


def test_paths_that_explode_are_named():
    with pytest.raises(bsde.MethodFailed, match="paths are no longer finite"):
        first_round(bsde.Regression(num_paths_per_pass=100), Exploding(1))


def test_rounds_take_more_paths_or_more_steps():
    equation = Hand(dim=2)

    def second(**numbers):
        estimate = types.SimpleNamespace(
            **{
                "time_grid": 1.0,
                "imperfect_z": 2.0,
                "monte_carlo": 0.1,
                "mismatch_std": 1.0,
                "z_std": 1.0,
                **numbers,
            }
        )
        rounds = bsde.Regression(num_steps=4, num_paths_per_pass=100).fit(equation, RUN)
        first = next(rounds)
        again = rounds.send(Round(estimate, 1.0))
        assert again is not first
        with pytest.raises(StopIteration):
            # No narrower than the round before.
            rounds.send(Round(estimate, 0.96))
        return again.num_steps

    assert second() == 4
    assert second(time_grid=3.0) == 8
    assert second(z_std=0.5) == 8
    # 7 is more than 3 times the other parts.
    assert second(time_grid=7.0) == 16


def test_time_grid_that_limits_the_interval_alone_asks_for_no_more_paths():
    estimate = types.SimpleNamespace(time_grid=7.0, imperfect_z=2.0, monte_carlo=0.1)
    rounds = bsde.Regression(num_steps=4, num_paths_per_pass=100).fit(Hand(dim=2), RUN)
    next(rounds)
    assert rounds.send(Round(estimate, 1.0)).num_steps == 16
    given = bsde.Regression(grid=[0.0, 0.3, 0.5, 1.0], num_paths_per_pass=100)
    rounds = given.fit(Hand(dim=2), RUN)
    next(rounds)
    assert rounds.send(Round(estimate, 1.0)).num_steps == 3


def test_products_of_coordinates_are_features():
    # g = |x|^2 is the same in all directions; x_1 x_2 - x_1 is not.
    found, paths = one_pass(Hand(dim=3), num_paths=500)
    x = paths.x[6]
    values = np.asarray(found.features(6, tf.fill((500, 1), found.grid[6]), x))
    wanted = np.asarray(x[:, :1] * x[:, 1:2] - x[:, :1])[:, 0]
    weights = np.linalg.lstsq(values, wanted, rcond=None)[0]
    # What the bound on each coordinate does to products of normals.
    assert np.std(values @ weights - wanted) < 0.05 * np.std(wanted)


@keras.saving.register_keras_serializable(package="tests")
class MovingMean(bsde.Equation):
    """Call on int (50 + W_t) dt, a state without noise: N(50, 1 / 3) at the end."""

    noise_dim = 1

    def __init__(self):
        super().__init__(2, 1.0, 0.0)

    def drift(self, t, x):
        return ops.concatenate([0 * x[:, :1], 50.0 + x[:, :1]], axis=1)

    def diffusion_prod(self, t, x, dw):
        return ops.concatenate([dw, 0 * dw], axis=1)

    def driver(self, t, x, u, z):
        return 0 * u

    def terminal(self, x):
        return ops.maximum(x[:, 1:] - 50.0, 0.0)


def test_state_that_moves_far_in_a_step_is_followed():
    # In one step the second state moves by many times its deviation. A control variate
    # read where the step begins would be far from any path, and leave 0.35.
    solution = bsde.solve(
        MovingMean(), "regression", tolerance=1e-9, num_paths=4096, max_rounds=1
    )
    assert solution.approximation.found.residual < 0.1
    assert solution.estimate.half_width < 2e-3
    low, high = solution.interval
    assert low < (1 / 3) ** 0.5 / (2 * np.pi) ** 0.5 < high


def test_xla_changes_nothing_but_rounding(monkeypatch):
    plain, _ = one_pass(bsde.AllenCahn(3), num_paths=100)
    monkeypatch.setattr(backward, "_COMPILED", 1)
    compiled, _ = one_pass(bsde.AllenCahn(3), num_paths=100)
    assert compiled.found.u0 == pytest.approx(plain.found.u0, rel=1e-9)
    np.testing.assert_allclose(compiled.found.z0, plain.found.z0, rtol=1e-7)


def test_solve_begins_with_the_regression_and_ends_there_where_it_suffices():
    solution = bsde.solve(bsde.HJB(4), tolerance=1e-2, num_paths=2000)
    assert isinstance(solution.method, bsde.Regression) and solution.converged
    low, high = solution.interval
    assert low < solution.equation.reference().value < high
    assert solution.trained_u0 != solution.u0 and solution.seconds > 0


def test_settings_without_a_method_are_those_of_the_deep_bsde_method():
    methods, run = methods_and_run("solve", None, None, {"steps": 3, "verbose": 2})
    assert methods == [bsde.DeepBSDE(steps=3)] and run.verbose == 2
    methods, _ = methods_and_run("solve", None, None, {"verbose": 2})
    assert methods == [bsde.Regression(), bsde.DeepBSDE()]
