"""Generated input: it works, or it is an ArgumentError; nothing else comes out."""

import math
import numbers

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from kerasmodels import bsde, by_hand, descent, losses, neurons, recurrent
from kerasmodels._support import checks
from kerasmodels.bsde.paths.grid import as_time_grid

HEAT = bsde.Heat(2)
MODEL = bsde.GlobalModel(HEAT, num_steps=3, control="shared", u0=1.0, z0=0.0)
few = settings(max_examples=60, deadline=None, derandomize=True, database=None)

anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.lists(st.one_of(st.floats(), st.text(max_size=2), st.none()), max_size=4),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    arrays.arrays(
        arrays.scalar_dtypes(), arrays.array_shapes(min_dims=0, max_dims=2, max_side=3)
    ),
)


def works_or_is_refused(call, *arguments, **named):
    """The value of a call, or None where it is refused in the house form."""
    try:
        return call(*arguments, **named)
    except checks.ArgumentError as error:
        assert str(error).startswith("`") or "Exception encountered" in str(error)
        assert "Received" in str(error)


@few
@given(anything)
def test_checks_of_single_arguments(value):
    found = works_or_is_refused(checks.positive_int, "f", "n", value)
    assert (found is not None) == (
        isinstance(value, numbers.Integral) and value is not True and value > 0
    )
    found = works_or_is_refused(checks.finite_float, "f", "a", value)
    assert found is None or type(found) is float and math.isfinite(found)
    found = works_or_is_refused(checks.point, "f", "x0", value, 3)
    assert found is None or found.shape == (3,) and np.all(np.isfinite(found))
    found = works_or_is_refused(checks.finite_array, "f", "x", value)
    assert found is None or found.dtype == "float64" and np.all(np.isfinite(found))
    found = works_or_is_refused(checks.seed_int, "f", value)
    assert found is None or 0 <= found < 2**63
    works_or_is_refused(checks.seed_pair, "f", value)
    found = works_or_is_refused(checks.boolean, "f", "b", value)
    assert found in (None, True, False)
    works_or_is_refused(checks.one_of, "f", "name", value, ("left", "trapezoid"))
    works_or_is_refused(checks.tensor, "f", "x", value)
    works_or_is_refused(checks.path, "f", "folder", value)
    works_or_is_refused(checks.labels, "f", "labels", value)
    assert isinstance(checks.describe(value), str)


times = st.one_of(st.floats(), st.floats(0, 1), st.sampled_from([0.0, 1.0, 0.5]))


@few
@given(st.one_of(anything, st.lists(times, max_size=6), st.lists(times).map(sorted)))
def test_a_time_grid_is_one_or_is_refused(t):
    if isinstance(t, int) and t > 10**6:
        return
    counted = isinstance(t, int)
    arguments = {"num_steps": t} if counted else {"grid": t}
    grid = works_or_is_refused(as_time_grid, "f", HEAT, **arguments)
    if grid is not None:
        assert grid[0] == 0 and abs(grid[-1] - 1) < 1e-6 and np.all(np.diff(grid) > 0)


@few
@given(st.lists(st.floats(1e-3, 1), min_size=1, max_size=8))
def test_every_increasing_grid_is_taken(steps):
    t = np.concatenate([[0.0], np.cumsum(steps)])
    equation = bsde.Heat(1, terminal_time=t[-1])
    np.testing.assert_array_equal(as_time_grid("f", equation, grid=t), t)
    np.testing.assert_array_equal(as_time_grid("f", equation, grid=t.tolist()), t)


sizes = st.lists(st.integers(0, 5), max_size=4).map(tuple)


def near(*shape):
    """Arrays of that shape, often, or of any other; now and then with a hole."""
    shapes = st.one_of(st.just(shape), sizes)
    values = st.sampled_from([0.5, 1.0, 1.0, 1.0, np.nan, np.inf])
    return st.builds(np.full, shapes, values, st.sampled_from(["float32", "float64"]))


@few
@given(st.integers(0, 3), st.data())
def test_inputs_of_a_global_model(batch, data):
    x, dw = data.draw(near(batch, 4, 2)), data.draw(near(batch, 3, 2))
    t = data.draw(st.one_of(near(batch, 4, 1), near(4)))
    u = works_or_is_refused(MODEL, (x, dw, t))
    right = x.shape == (batch, 4, 2) and dw.shape == (batch, 3, 2) and batch > 0
    right = right and t.shape in ((batch, 4, 1), (4,))
    right = right and all(np.all(np.isfinite(value)) for value in (x, dw, t))
    if right:
        assert u.shape == (batch, 1)
    elif len(set(map(len, (x, dw, t)))) == 1 if all(v.ndim for v in (x, dw, t)) else True:
        # Another batch size may be right too.
        assert u is None or u.shape == (len(x), 1)
    else:
        assert u is None or len(x) == len(dw)


@few
@given(anything, st.sampled_from(["dim", "terminal_time", "x0", "control_cost"]))
def test_arguments_of_an_equation(value, name):
    if name == "dim" and isinstance(value, int) and value > 10**6:
        return
    equation = works_or_is_refused(bsde.HJB, **{"dim": 2, name: value})
    if equation is not None:
        assert equation.terminal_time > 0 and np.all(np.isfinite(equation.x0))


@few
@given(
    anything,
    st.sampled_from(["num_steps", "grid", "batch_size", "seed", "dtype", "equation"]),
)
def test_arguments_of_sample_paths(value, name):
    if isinstance(value, int) and value > 1000 and name != "seed":
        return
    arguments = {"equation": HEAT, "num_steps": 2, "batch_size": 2, "seed": 0, name: value}
    if name == "grid":
        del arguments["num_steps"]
    found = works_or_is_refused(bsde.sample_paths, **arguments)
    if found is not None:
        assert np.all(np.isfinite(found[0]))


@few
@given(anything)
# A float of Python, and beyond float32.
@example(3.4028235677973366e38)
def test_numbers_elsewhere(value):
    small = not isinstance(value, int) or value < 1000
    works_or_is_refused(descent.regime, value)
    works_or_is_refused(descent.kick, value)
    works_or_is_refused(recurrent.next_value, value)
    works_or_is_refused(by_hand.loss_of_shares, value)
    works_or_is_refused(by_hand.recipe, value)
    works_or_is_refused(neurons.best_threshold, value, [0.1, 0.2])
    works_or_is_refused(losses.compare_losses, value, [[0.5, 0.5]])
    works_or_is_refused(losses.generalized_dice, value, np.full((1, 2, 2), 0.5))
    if small:
        works_or_is_refused(recurrent.windows, value, 3)
        works_or_is_refused(descent.line_data, points=value)
        works_or_is_refused(bsde.ZSubnet, value)


@pytest.mark.parametrize("bad", [-1, 3])
def test_a_label_out_of_range_is_found_wherever_it_stands(bad):
    @few
    @given(st.integers(0, 2), st.integers(0, 3))
    def check(image, pixel):
        labels = np.zeros((3, 4), int)
        labels[image, pixel] = bad
        with pytest.raises(checks.ArgumentError, match="`y_true`"):
            losses.generalized_dice(labels, np.full((3, 4, 3), 1 / 3))

    check()
