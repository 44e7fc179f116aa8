"""The estimate from sums of a few paths: every number of it on paper, without a model."""

import math
import types

import keras
import numpy as np
import pytest
import scipy.stats

from kerasmodels import bsde
from kerasmodels._support import memory
from kerasmodels.bsde.estimate import estimator as module
from kerasmodels.bsde.estimate import interval
from kerasmodels.bsde.estimate.error_sizes import error_sizes
from kerasmodels.bsde.estimate.estimator import Estimator
from kerasmodels.bsde.estimate.grids import three_grids
from kerasmodels.bsde.estimate.interval import COLUMNS
from kerasmodels.bsde.estimate.interval import summary as summary_of
from tests.helpers import Twice

# Exact but for rounding.
CLOSE = {"rel": 1e-12, "abs": 1e-12}


def columns(paths, **values):
    """`[3, columns, paths]` with the named columns, each `[3, paths]`, and zeros."""
    found = np.zeros((3, len(COLUMNS), paths))
    for name, value in values.items():
        found[:, COLUMNS.index(name)] = value
    return found


NINE = [9.0, 9.0]
# Two paths without sums of second order, then two with. `newton_step` is subtracted from
# u0 = 10.
PLAIN = columns(
    2,
    newton_step=[[1.0, 3.0], [2.0, 2.0], [1.0, 6.0]],
    mismatch=[[3.0, -3.0], NINE, NINE],
    b_square=[[1.0, 2.0], NINE, NINE],
    # Not to be read, as nothing of second order is computed here.
    curvature=[[50.0, 50.0]] * 3,
    kink=[[50.0, 50.0]] * 3,
    parallel_to_z=[[50.0, 50.0]] * 3,
)
CURVED = columns(
    2,
    newton_step=[[2.0, 5.0], [0.0, 7.0], [4.0, 2.0]],
    mismatch=[[1.0, -1.0], NINE, NINE],
    b_square=[[3.0, 6.0], NINE, NINE],
    curvature=[[0.5, 1.0], [0.2, 0.4], NINE],
    parallel_to_z=[[-0.3, 0.1], NINE, NINE],
)


def summary(curved=CURVED, plain=PLAIN, first=False, share=1.0):
    model = types.SimpleNamespace(u0=10.0, dtype="float64")
    grid = np.linspace(0.0, 1.0, 9)
    return summary_of(
        model, grid, [plain], [curved], (None, (0.0, 0.0, 0.0, 0.25, share)), True, first
    )


def test_estimate_of_four_paths():
    found = summary()
    # u0 - newton_step is 9, 7, 8, 5 and 8, 8, 10, 3: extrapolated (28, 20, 22, 17) / 3.
    extrapolated = np.array([28.0, 20.0, 22.0, 17.0]) / 3
    # The curvature (4 * 0.5 - 0.2) / 3 = 0.6 and (4 - 0.4) / 3 = 1.2.
    assert found.correction == pytest.approx(0.9, **CLOSE)
    assert found.u0 == pytest.approx(7.25 + 0.9, **CLOSE)
    # Before the extrapolation: 10 - 11 / 4.
    assert found.time_grid == pytest.approx(abs(7.25 - 7.25), **CLOSE)
    assert found.order == 2.0
    error = math.hypot(extrapolated.std() / 2, 0.3 / 2**0.5)
    assert found.standard_error == pytest.approx(error, **CLOSE)
    # Half of the correction, and the mean of `parallel_to_z` on the finest grid in full.
    assert found.imperfect_z == pytest.approx(0.45 + 0.1, **CLOSE)
    assert found.mismatch_std == pytest.approx(5**0.5, **CLOSE)
    assert found.drift_size == pytest.approx(3.0, **CLOSE)
    # R is 3, -3, 1, -1 and R / J is 1, 3, 2, 5: |J| is 3, 1, 1/2, 1/5.
    assert found.growth == pytest.approx(math.log(3 / 10) / 4, **CLOSE)
    assert found.reach == pytest.approx((3 + 3 + 2 + 5) / 4, **CLOSE)
    assert (found.num_paths, found.num_steps) == (4, 8)
    assert found.z_std == 0.25 and found.iterated_integrals is True


def test_what_depends_on_the_place_of_the_errors_is_uncertain_in_full():
    place, shortened = np.zeros((2, 3, 2))
    # Means of -0.2 and 0.7 on the finest grid; the others are not read.
    place[0], shortened[0] = [-0.6, 0.2], [0.4, 1.0]
    place[1] = shortened[1] = 9.0
    more = CURVED.copy()
    more[:, COLUMNS.index("place")] = place
    more[:, COLUMNS.index("shortened")] = shortened
    added = summary(more).imperfect_z - summary().imperfect_z
    assert added == pytest.approx(0.2 + 0.7, **CLOSE)


def test_error_of_first_order_is_taken_out_of_four_paths():
    # Errors h + 0.1 h^2 of a value of 7 on grids of h = 1, 2, 4, without any noise.
    values = [7.0 + h + 0.1 * h**2 for h in (1, 2, 4)]
    newton_step = np.repeat(10.0 - np.array(values)[:, None], 2, axis=1)
    curvature = np.zeros((3, 2))
    curvature[0] = 0.03
    found = summary(
        columns(2, newton_step=newton_step, curvature=curvature),
        columns(2, newton_step=newton_step),
    )
    # The mismatch is zero here, so a correction of 8 / 3 * 0.03 is not used.
    assert found.u0 == pytest.approx(7.0, **CLOSE)
    assert found.order == 1.0
    # Two grids alone would leave -2 * 0.1.
    assert found.time_grid == pytest.approx(0.2, **CLOSE)
    assert found.imperfect_z == pytest.approx(0.08, **CLOSE)
    assert found.standard_error == pytest.approx(0.0, **CLOSE)


def test_error_of_first_order_is_taken_out_where_it_is_known():
    # The means of u0 - newton_step are 7.25, 7.25 and 6.75: no error above the noise.
    found = summary(first=True)
    assert found.order == 2.0
    curvature = (8 * 0.75 - 6 * 0.3 + 9.0) / 3
    assert abs(curvature) > found.mismatch_std and found.correction == 0.0
    assert found.u0 == pytest.approx((8 * 7.25 - 6 * 7.25 + 6.75) / 3, **CLOSE)
    assert found.time_grid == pytest.approx(7.25 - found.u0, **CLOSE)


def test_kinks_count_half_and_are_uncertain_in_full():
    curved = CURVED.copy()
    # 1.5 times the mean of the finest grid: 0.6 of 0.9.
    curved[:, COLUMNS.index("kink")] = [[0.3, 0.5], NINE, NINE]
    found = summary(curved)
    assert found.correction == pytest.approx(0.9 - 0.3, **CLOSE)
    assert found.u0 == pytest.approx(7.25 + 0.6, **CLOSE)
    # Half of the smooth part 0.3, the kinks, and `parallel_to_z`.
    assert found.imperfect_z == pytest.approx(0.15 + 0.6 + 0.1, **CLOSE)
    # No more than all of it can come from kinks.
    curved[:, COLUMNS.index("kink")] *= 2
    found = summary(curved)
    assert found.correction == pytest.approx(0.45, **CLOSE)
    assert found.imperfect_z == pytest.approx(0.9 + 0.1, **CLOSE)
    curved[:, COLUMNS.index("curvature")] *= -1
    assert summary(curved).correction == pytest.approx(-0.45, **CLOSE)


def test_a_slope_that_is_not_known_widens_the_interval():
    curved = CURVED.copy()
    curved[:, COLUMNS.index("least")] = [[-2.0, -1.0], NINE, NINE]
    curved[:, COLUMNS.index("most")] = [[0.0, -0.1], NINE, NINE]
    found = summary(curved)
    # The mean of 2 and 0.9; |R| is one on both paths.
    assert found.stiffness == pytest.approx(1.45, **CLOSE)
    slack = (1 - math.exp(-2) + math.exp(-0.1) - math.exp(-1)) / 2
    assert found.imperfect_z == pytest.approx(0.45 + 0.1 + slack, **CLOSE)
    # Second order covers what is less.
    curved[:, COLUMNS.index("least")] = [[-1.0, -1.0], NINE, NINE]
    found = summary(curved)
    assert found.stiffness == pytest.approx(0.95, **CLOSE)
    assert found.imperfect_z == pytest.approx(0.45 + 0.1, **CLOSE)


def test_share_of_an_even_crossing_of_a_kink():
    # f = |z| and errors of size 1, at 2000 points of z around 0.
    z = np.linspace(-1.0, 1.0, 2001)[:-1] + 0.0005
    whole, half = (np.maximum(e - np.abs(z), 0.0) for e in (1.0, 0.5))
    # The sums are off by the width of their cells squared.
    share = np.sum(whole) / np.sum(np.abs(4 * half - whole))
    assert share == pytest.approx(interval._KINK, rel=1e-5)


def test_interval_is_that_of_95_per_cent():
    found = summary()
    quantile = scipy.stats.norm.ppf(0.975)
    # 1.96 has three digits.
    assert found.monte_carlo == pytest.approx(quantile * found.standard_error, rel=1e-4)
    half = found.monte_carlo + found.time_grid + found.imperfect_z
    assert found.half_width == pytest.approx(half, **CLOSE)
    assert found.interval == (found.u0 - found.half_width, found.u0 + found.half_width)
    assert found.to_dict()["half_width"] == found.half_width


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_correction_larger_than_the_mismatch_is_uncertainty_in_full(sign):
    # 3 times 0.9 is more than the root of 5; 2 times is not.
    curved = CURVED.copy()
    curved[:, COLUMNS.index("curvature")] *= 3 * sign
    found = summary(curved)
    assert found.correction == 0.0
    assert found.u0 == pytest.approx(7.25, **CLOSE)
    assert found.imperfect_z == pytest.approx(2.7 + 0.1, **CLOSE)
    error = np.std([28 / 3, 20 / 3, 22 / 3, 17 / 3]) / 2
    assert found.standard_error == pytest.approx(error, **CLOSE)
    curved[:, COLUMNS.index("curvature")] *= 2 / 3
    assert summary(curved).correction == pytest.approx(sign * 1.8, **CLOSE)


GRID = np.array([0.0, 0.2, 0.4, 1.2, 2.0])
SIGNS = np.array([1.0, -1.0, 1.0, -1.0])


def sizes(iterated_integrals, fine, coarse, newton_step=None, along=SIGNS, u=None):
    newton_step = fine if newton_step is None else newton_step
    nothing = 0 * along
    values = columns(
        4,
        mismatch=[fine, coarse, nothing],
        newton_step=[newton_step, coarse, nothing],
        along_z=[along, nothing, nothing],
    )
    return error_sizes(
        GRID, values, np.zeros((3, 3, 4)) if u is None else u, iterated_integrals
    )


@pytest.mark.parametrize(
    "iterated_integrals, of_z, of_grid, on_coarse",
    [
        # Of order dt: 2 * 5 - 8, and what the coarser grid has twice.
        (False, 2.0, np.array([0.0, 0.5, 1.0, 3.0, 5.0]), 2.0),
        # Of order dt^2: (4 * 5 - 8) / 3, and what it has four times.
        (True, 4.0, np.array([0.0, 0.5, 1.0, 3.0, 5.0]) / 3, 4.0),
    ],
)
def test_sizes_of_the_errors(iterated_integrals, of_z, of_grid, on_coarse):
    # Around their means the mismatches have variance 5 and 8, and the differences of u
    # on both grids, at times 0, 0.4 and 2, variance 0, 1 and 5.
    fine = 5.0 + np.array([3.0, -3.0, 1.0, -1.0])
    coarse = -2.0 + np.array([4.0, -4.0, 0.0, 0.0])
    difference = np.stack([0 * SIGNS, 3.0 + SIGNS, fine])
    # The coarsest grid has no part in it.
    u = np.stack([difference + 1.0, np.ones_like(difference), 99 * difference])
    along = 7.0 + np.array([1.0, -1.0, -1.0, 1.0])
    u_size, (even, relative, along_z, at_end, *alone, remains) = sizes(
        iterated_integrals, fine, coarse, along=along, u=u
    )
    z_part = of_z * GRID / 2
    factors = (1, on_coarse, on_coarse**2)
    expected = np.sqrt([factor * of_grid + z_part for factor in factors])
    np.testing.assert_allclose(u_size, expected, rtol=1e-12, atol=1e-12)
    assert even == pytest.approx((of_z / 2) ** 0.5, **CLOSE)
    assert relative == 0.0
    # int |z|^2 dt is zero here: nothing can be relative to it.
    assert alone == [even, 0.0]
    # (8 * 5 - 6 * 8 + 0) / 3 is below zero: nothing remains with both orders.
    assert remains == 0.0
    assert at_end == pytest.approx(of_z**0.5, **CLOSE)
    # The products 3, 3, -1, -1: their mean 1 and two standard errors of 2 / 4^(1/2).
    assert along_z == pytest.approx((1.0 + 2.0) / 2, **CLOSE)


def test_sizes_count_a_path_by_the_inverse_of_its_slope():
    # 1 / J is -3, unknown where the mismatch is zero, 1 and 3: weights 1.5, 0.5, 0.5, 1.5.
    fine, newton_step = np.array([2.0, 0.0, -2.0, 4.0]), np.array([-6.0, 0.0, -2.0, 12.0])
    # Around the weighted mean 2: 0, -2, -4, 2, of weighted variance 16 / 4.
    _, (_, _, along_z, at_end, *_) = sizes(False, fine, SIGNS, newton_step)
    assert at_end == pytest.approx((2 * 4.0 - 1.0) ** 0.5, **CLOSE)
    # Weight, mismatch, sign: 0, 0.5 * 2, 0.5 * -4, 1.5 * -2.
    products = np.array([0.0, 1.0, -2.0, -3.0])
    expected = 1.0 + 2 * products.std() / 2
    assert along_z == pytest.approx(expected / 2, **CLOSE)


def test_share_of_the_part_of_z_that_remains_with_both_orders():
    # Variances 5, 8 and 11: (8 * 5 - 6 * 8 + 11) / 3 = 1 of 2 * 5 - 8 = 2.
    fine, middle, coarse = np.sqrt([5.0, 8.0, 11.0])[:, None] * SIGNS
    values = columns(
        4,
        mismatch=[fine, middle, coarse],
        newton_step=[fine, middle, coarse],
        along_z=[SIGNS, SIGNS, SIGNS],
    )
    found = error_sizes(GRID, values, np.zeros((3, 3, 4)), False)[1]
    assert found[3] == pytest.approx(2.0**0.5, **CLOSE)
    assert found[6] == pytest.approx(0.5, **CLOSE)
    # No more than all of it.
    values[2, COLUMNS.index("mismatch")] *= 3
    assert error_sizes(GRID, values, np.zeros((3, 3, 4)), False)[1][6] == 1.0


def test_correction_leaves_open_what_the_errors_of_z_are():
    whole, none = summary(share=1.0), summary(share=0.0)
    # Half of the smooth correction less, in the middle of an interval of the same width.
    assert none.correction == pytest.approx(whole.correction / 2, **CLOSE)
    assert none.half_width == pytest.approx(whole.half_width, **CLOSE)
    assert whole.u0 - none.u0 == pytest.approx(whole.correction / 2, **CLOSE)


def test_no_part_of_z_is_less_than_none():
    for iterated_integrals in (False, True):
        _, (even, relative, _, at_end, *_) = sizes(iterated_integrals, SIGNS, 3 * SIGNS)
        assert even == relative == at_end == 0.0


def test_errors_of_z_that_grow_with_z_are_told_from_even_ones():
    z_square = np.array([1.0, 3.0, 1.0, 3.0])

    def parts(squares, z_square=z_square):
        mismatch = np.sqrt(squares) * np.array([1.0, 1.0, -1.0, -1.0])
        nothing = np.zeros(4)
        values = columns(
            4,
            mismatch=[mismatch, nothing, nothing],
            newton_step=[mismatch, nothing, nothing],
            z_square=[z_square, nothing, nothing],
        )
        found = error_sizes(GRID, values, np.zeros((3, 3, 4)), False)[1]
        of_z = found[3] ** 2
        # All of it even, or all of it relative: of_z = even^2 T = relative^2 * mean z^2.
        assert found[4] == pytest.approx((of_z / 2) ** 0.5, **CLOSE)
        assert found[5] == pytest.approx((of_z / z_square.mean()) ** 0.5, **CLOSE)
        return found[0], found[1]

    # Where the squares of the mismatch are 2 int |z|^2 dt, all is relative: the part of z
    # is 2 * 4, and 8 = relative^2 * 2. No path is off the line, so the slope is sure.
    even, relative = parts(2 * z_square)
    # The root of what rounding leaves of zero.
    assert even == pytest.approx(0.0, abs=1e-7)
    assert relative == pytest.approx(2.0, **CLOSE)
    # Squares of one size: nothing is relative, and 2 * 4 = even^2 * 2.
    even, relative = parts(np.full(4, 4.0))
    assert (even, relative) == (pytest.approx(2.0, **CLOSE), 0.0)
    # Nor can anything be where int |z|^2 dt is the same on all paths, or where the squares
    # fall with it.
    assert parts(2 * z_square, np.ones(4))[1] == 0.0
    assert parts(8 - 2 * z_square)[1] == 0.0
    # Half of the slope: half is relative, less a standard error of the slope.
    squares = 2.0 + z_square
    away = (z_square - 2.0) * (squares - 4.0)
    slope = away.mean() - np.std((z_square - 2.0) * (squares - 4.0)) / 2
    even, relative = parts(squares)
    assert relative**2 == pytest.approx(slope * 2.0 / 4.0 * 8.0 / 2.0, **CLOSE)
    assert even**2 * 2.0 + relative**2 * 2.0 == pytest.approx(8.0, **CLOSE)


class AnyTime(keras.layers.Layer):
    """z = 0 at any time, with nothing to be sampled before."""

    num_times = None
    standardized = True

    def __init__(self):
        super().__init__(dtype="float64")
        self.built = True

    def call(self, t, x, training=False):
        return 0 * x


def heat(t=3, control=None, **options):
    # Far from zero, so that a tolerance is not one of nothing.
    options = {"u0": 4.0, "z0": [0.0, 0.0], "dtype": "float64", **options}
    times = {"num_steps": t} if isinstance(t, int) else {"grid": t}
    return bsde.GlobalModel(bsde.Heat(2), control=control or AnyTime(), **times, **options)


def grid_of(model, num_steps):
    return three_grids(model.approximation, num_steps)


def test_every_step_of_the_grid_is_halved():
    grid = grid_of(heat([0.0, 0.1, 0.5, 1.0]), None)
    halved = [0.0, 0.05, 0.1, 0.3, 0.5, 0.75, 1.0]
    # Steps of length zero make a multiple of four.
    np.testing.assert_allclose(grid, [*halved, 1.0, 1.0], rtol=1e-15)
    np.testing.assert_array_equal(grid_of(heat(), 2), [0.0, 0.5, 1.0, 1.0, 1.0])
    # One step is halved twice.
    np.testing.assert_array_equal(grid_of(heat(1), None), [0.0, 0.25, 0.5, 0.75, 1.0])
    # One a(t, g) for all times leaves the grid free as well.
    free = heat(terminal_skip=bsde.TerminalSkip(None))
    np.testing.assert_array_equal(grid_of(free, 4), [0.0, 0.25, 0.5, 0.75, 1.0])


@pytest.mark.parametrize("own", ["control", "skip"])
def test_grid_of_networks_of_one_time_each_is_that_of_the_model(own):
    def model(times):
        count = len(times) - 2
        if own == "control":
            return heat(times, [Twice(dtype="float64") for _ in range(count)])
        return heat(times, terminal_skip=bsde.TerminalSkip(count))

    # A step of length zero makes a multiple of four.
    for num_steps in (None, 3):
        grid = grid_of(model([0.0, 0.1, 0.5, 1.0]), num_steps)
        np.testing.assert_array_equal(grid, [0.0, 0.1, 0.5, 1.0, 1.0])
    grid = grid_of(model([0.0, 0.4, 1.0]), None)
    np.testing.assert_array_equal(grid, [0.0, 0.4, 1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="a network belongs to each time"):
        grid_of(model([0.0, 0.4, 1.0]), 4)


def with_sampler(sampled, chunk_size=2, **options):
    """An `Estimator` whose chunks come from a function of the iterated_integrals flag."""
    estimator = Estimator(heat(**options), chunk_size=chunk_size)
    calls = []

    def sample(chunk, u_size, z_size, iterated_integrals, sign=1):
        number = chunk if sign > 0 else f"{chunk} mirrored"
        calls.append((number, bool(iterated_integrals), z_size[0] >= 0))
        return sampled(iterated_integrals), np.zeros(
            (3, len(estimator.grid) // 2 + 1, chunk_size)
        )

    estimator.chunks.sample = sample
    return estimator, calls


def spread(size, **more):
    """Chunks of two paths with `newton_step` of mean zero and this deviation."""
    values = [[size, -size]] * 3
    return columns(2, newton_step=values, mismatch=values, **more)


@pytest.mark.parametrize("better", [False, True])
def test_noise_of_the_grid_is_taken_out_where_that_lowers_the_variance(better):
    b_square = [[1.0, 2.0], NINE, NINE]
    estimator, calls = with_sampler(
        lambda out: spread(0.5 if out == better else 1.0, b_square=b_square)
    )
    assert estimator.pilot_run() == (1.5, better)
    assert sorted(calls) == [(0, False, False), (0, True, False)]
    calls.clear()
    estimate = estimator(1)
    # Eight chunks at least: four say how large the errors are, four what they do.
    assert estimate.num_paths == 16 and estimate.iterated_integrals is better
    assert sorted(calls)[2:] == [(k, better, k >= 4) for k in range(1, 8)]
    # A tie is left as it is.
    estimator, _ = with_sampler(lambda out: spread(1.0))
    assert estimator.pilot_run() == (0.0, False)


def test_number_of_paths_is_rounded_up_to_whole_chunks():
    estimator, calls = with_sampler(lambda out: spread(1.0))
    assert [estimator(n).num_paths for n in (16, 17, 18, 19)] == [16, 18, 18, 20]
    # No chunk is drawn twice.
    calls.clear()
    estimator(30)
    numbers = [k for k, _, _ in calls]
    # Those of two chunks show that pairs are no better here.
    mirrored = ["0 mirrored", "1 mirrored"]
    assert sorted(numbers, key=str) == sorted([0, *range(15), *mirrored], key=str)


def test_paths_are_drawn_until_the_tolerance_is_reached():
    # 1.96 / n^(1/2) is 0.01 * 4 at n = 2401.
    estimator, _ = with_sampler(lambda out: spread(1.0))
    found = estimator(10**6, tolerance=0.01)
    assert found.u0 == 4.0 and found.num_paths == 2402
    assert found.half_width == found.monte_carlo <= 0.04
    # No more than are allowed, and not more than the first where these do.
    assert estimator(500, tolerance=0.01).num_paths == 500
    assert estimator(10**6, tolerance=0.5).num_paths == 16


@pytest.mark.parametrize(
    "parallel_to_z, room",
    [
        # What the rest leaves of 0.04, or a quarter of the rest where that is more.
        (0.01, 0.03),
        (0.036, 0.009),
        (0.08, 0.02),
    ],
)
def test_paths_get_the_room_that_the_rest_leaves(parallel_to_z, room):
    # The fewer the sooner: 1.96 * 0.2 / n^(1/2) = room.
    estimator, _ = with_sampler(
        lambda out: spread(0.2, parallel_to_z=[[parallel_to_z] * 2] * 3)
    )
    found = estimator(10**6, tolerance=0.01)
    assert found.imperfect_z == pytest.approx(parallel_to_z, **CLOSE)
    wanted = (1.96 * 0.2 / room) ** 2
    # Whole chunks of two, and the share of one more that rounding may make.
    assert wanted - 1e-6 <= found.num_paths <= wanted + 2 + 1e-6


def test_chunk_with_a_number_that_is_not_finite_is_named():
    estimator, _ = with_sampler(lambda out: spread(np.inf if out else 1.0))
    # Where taking the noise out fails, it is left in.
    with np.errstate(invalid="ignore"):
        assert estimator(1).iterated_integrals is False
    estimator, _ = with_sampler(lambda out: spread(np.nan))
    with pytest.raises(FloatingPointError, match=r"Heat\(.* on 8 time steps"):
        estimator(1)


@pytest.mark.parametrize(
    "dim, most_paths, expected",
    [
        (1, None, 4096),
        (100, None, 655),
        (2000, None, 64),
        (100, 4000, 500),
        (100, 8, 64),
    ],
)
def test_chunks_fill_the_cache_and_few_paths_come_in_small_ones(dim, most_paths, expected):
    model = bsde.GlobalModel(bsde.Heat(dim), num_steps=1, u0=1.0, z0=np.zeros(dim))
    assert Estimator(model, most_paths=most_paths).chunk_size == expected


def test_paths_are_compiled_by_xla_where_there_are_many(monkeypatch):
    asked = []
    monkeypatch.setattr(module, "path_sampler", lambda *args: asked.append(args[-3:]))
    # Two dimensions and nine times of the finest grid.
    many = math.ceil(2**22 / (2 * 9))
    for most_paths in (None, many, many - 1):
        Estimator(heat(), most_paths=most_paths, seed=5)
    # A chunk is drawn whole.
    Estimator(heat(), chunk_size=many, most_paths=1, seed=5)
    assert asked == [(5, True, 1), (5, True, 1), (5, False, 1), (5, True, 1)]


def test_size_of_what_does_not_fit_is_told(monkeypatch):
    def never(*args):
        raise AssertionError("it was begun")

    model = heat()
    monkeypatch.setattr(module, "path_sampler", never)
    monkeypatch.setattr(memory, "available", lambda: 16 * 10**9)
    # 19 columns on three grids, and once more while they are joined, of eight bytes.
    words = "^`estimate_u0` expects `num_paths` .* would need 912 GB for what is kept"
    with pytest.raises(ValueError, match=words):
        bsde.estimate_u0(model, num_paths=10**9)
    # Twice nine times in two dimensions.
    words = "^`estimate_u0` expects `chunk_size` .* would need 288 GB for the noise of "
    with pytest.raises(ValueError, match=words + "1000000000 paths of 8 steps"):
        Estimator(model, chunk_size=10**9)
