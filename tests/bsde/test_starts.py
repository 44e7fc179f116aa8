"""Distributions of the start: their points, their regions, and their arguments."""

import keras
import numpy as np
import pytest

from kerasmodels import bsde
from tests.public_objects import between

STARTS = [
    (bsde.BoxStart([0.0, 10.0], [2.0, 30.0]), [1.0, 20.0]),
    (bsde.LineStart(0.0, [2.0, 40.0]), [1.0, 20.0]),
    (bsde.NormalStart([1.0, 20.0], 2.0), [1.0, 20.0]),
    (bsde.LogNormalStart([1.0, 20.0], [0.1, 0.0]), [1.005, 20.0]),
    (bsde.PointsStart([[0.0, 10.0], [2.0, 30.0]]), [1.0, 20.0]),
    (bsde.SampledStart(between), [0.5, 0.5]),
]


def sample(start, seed=(3, 4), count=4000, dtype="float64"):
    return np.asarray(start.sample(seed, count, 2, dtype))


@pytest.mark.parametrize("start, mean", STARTS, ids=lambda v: type(v).__name__)
def test_points_have_the_mean_and_are_in_the_region(start, mean):
    x = sample(start)
    assert x.shape == (4000, 2)
    # Four standard errors, and rounding where a coordinate does not vary.
    error = 4 * np.std(x, axis=0) / np.sqrt(len(x)) + 1e-12
    assert np.all(np.abs(np.mean(x, axis=0) - mean) <= error)
    # The region of a sampler is that of a smaller sample.
    share = 0.99 if isinstance(start, bsde.SampledStart) else 1.0
    assert np.mean(start.contains(x)) >= share
    assert not np.any(start.contains(x + 100.0))


@pytest.mark.parametrize("start, mean", STARTS, ids=lambda v: type(v).__name__)
def test_points_are_a_pure_function_of_the_seed(start, mean):
    np.testing.assert_array_equal(sample(start), sample(start))
    assert np.any(sample(start) != sample(start, seed=(3, 5)))
    assert sample(start, dtype="float32").dtype == "float32"
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(start)
    )
    np.testing.assert_array_equal(sample(again), sample(start))
    assert again.describe() == start.describe()


def test_regions_are_those_of_the_distributions():
    line = bsde.LineStart([0.0, 0.0], [1.0, 2.0])
    x = np.array([[0.5, 1.0], [0.5, 1.1], [1.0, 2.0], [1.1, 2.2]])
    np.testing.assert_array_equal(line.contains(x), [True, False, True, False])
    normal = bsde.NormalStart(0.0, [1.0, 0.0])
    x = np.array([[2.9, 0.0], [3.1, 0.0], [0.0, 0.1]])
    np.testing.assert_array_equal(normal.contains(x), [True, False, False])
    # 100 exp(-0.6) = 54.9 and 100 exp(0.6) = 182.2.
    price = bsde.LogNormalStart(100.0, 0.2)
    x = np.array([[54.0], [55.0], [182.0], [183.0], [-1.0]])
    np.testing.assert_array_equal(price.contains(x), [False, True, True, False, False])
    points = bsde.PointsStart([[1.0, 2.0], [3.0, 4.0]])
    x = np.array([[3.0, 4.0], [3.0, 4.1]])
    np.testing.assert_array_equal(points.contains(x), [True, False])


def test_a_normal_start_stays_within_three_deviations():
    x = sample(bsde.NormalStart(0.0, 1.0), count=10_000)
    assert np.max(np.abs(x)) == 3.0
    assert np.std(x) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    "make, word",
    [
        (lambda: bsde.BoxStart(1.0, 0.0), "high"),
        (lambda: bsde.BoxStart([0.0, 1.0], [1.0, 2.0, 3.0]), "one length"),
        (lambda: bsde.BoxStart([[0.0]], 1.0), "low"),
        (lambda: bsde.LineStart(1.0, 1.0), "another point"),
        (lambda: bsde.NormalStart(0.0, -1.0), "deviation"),
        (lambda: bsde.LogNormalStart(0.0, 1.0), "median"),
        (lambda: bsde.PointsStart([1.0, 2.0]), "number, dim"),
        (lambda: bsde.SampledStart(3), "sampler"),
        (lambda: bsde.SampledStart(lambda seed, count: np.zeros(count)), "sampler"),
    ],
)
def test_bad_arguments_are_named(make, word):
    with pytest.raises(ValueError, match=word):
        make()


@pytest.mark.parametrize("start", [s for s, _ in STARTS if s is not STARTS[1][0]])
def test_a_start_of_another_dimension_is_refused(start):
    if isinstance(start, bsde.NormalStart):
        start = bsde.NormalStart([1.0, 20.0], 2.0)
    with pytest.raises(ValueError, match="dimension 3"):
        bsde.Family(bsde.Heat(3), start)
