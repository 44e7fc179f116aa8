"""Paths of another law warn before they train a model, and right ones never do."""

import math
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from kerasmodels import bsde
from kerasmodels.bsde.methods.deep_bsde.path_law import _mean_square, inspected
from kerasmodels.bsde.recursion.driven import controlled_paths
from tests.helpers import Hand, Twice, paths

GRID = np.array([0.0, 0.1, 0.3, 0.35, 0.6, 1.0])


def made(dim=2, grid=GRID, dtype="float32", **options):
    """A model of which nothing has to be sampled."""
    nets = [Twice(dtype=dtype) for _ in grid[1:-1]] or "stacked"
    options = {"control": nets, "u0": 0.0, "z0": 0.0, **options}
    return bsde.GlobalModel(Hand(dim, b=1.0), grid=grid, dtype=dtype, **options)


def walk(batch, dim=2, grid=GRID, seed=0):
    """x, dw and W at all times by NumPy, for dX = dW from 0.5."""
    normal = np.random.default_rng(seed).normal(size=(batch, len(grid) - 1, dim))
    dw = normal * np.sqrt(np.diff(grid))[:, None]
    w = np.concatenate([np.zeros((batch, 1, dim)), np.cumsum(dw, axis=1)], axis=1)
    return 0.5 + w, dw, w


@keras.saving.register_keras_serializable(package="tests")
class Mixed(Hand):
    """Each of `dim` coordinates moves by the sum of `num_noises` noises."""

    def __init__(self, dim, num_noises):
        super().__init__(dim)
        self.noise_dim = num_noises

    def diffusion_prod(self, t, x, dw):
        return ops.repeat(ops.sum(dw, axis=-1, keepdims=True), self.dim, axis=-1)

    def driver(self, t, x, u, z):
        return 0 * u


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_right_paths_warn_of_nothing(dtype):
    for dim, grid in ((1, GRID[[0, 5]]), (1, GRID[[0, 2, 5]]), (2, GRID), (40, GRID)):
        model = made(dim, grid, dtype)
        for batch in (1, 2, 3, 64, 2000):
            for seed in range(5):
                x, dw, _ = walk(batch, dim, grid, seed)
                inputs = (x.astype(dtype), dw.astype(dtype), grid.astype(dtype))
                inspected(model, (*inputs[:2], np.tile(grid[:, None], (batch, 1, 1))))


@pytest.mark.parametrize("dim, noise_dim", [(2, 1), (1, 2), (3, 2)])
def test_noise_of_another_size_than_the_state_is_looked_at(dim, noise_dim):
    model = bsde.GlobalModel(
        Mixed(dim, noise_dim), grid=GRID, control="stacked", u0=0.0, z0=0.0
    )
    _, dw, w = walk(100, noise_dim)
    x = 0.5 + np.repeat(w.sum(axis=-1, keepdims=True), dim, axis=-1)
    for t in (GRID, np.tile(GRID[:, None], (100, 1, 1))):
        inspected(model, (x, dw, t))
        for wrong in (2 * dw, dw / 2):
            with pytest.warns(UserWarning, match=r"over \d+ numbers, where 1 is right"):
                inspected(model, (x, wrong, t))
        with pytest.warns(UserWarning, match=r"np.diff\(W, axis=1\)"):
            inspected(model, (x, w[:, 1:], t))


def test_one_number_warns_where_it_is_next_to_impossible():
    # A square of 16 is eleven standard errors of a square from 1, and yet a number of four
    # deviations, one in 16,000; seven and a half deviations are one in 10^13.
    model = made(1, GRID[[0, 5]])
    x, t = np.array([[[0.5], [1.0]]]), GRID[[0, 5]].reshape(1, 2, 1)
    inspected(model, (x, np.full((1, 1, 1), 4.0), t))
    with pytest.warns(UserWarning, match=r"mean of 56.2 over 1 numbers"):
        inspected(model, (x, np.full((1, 1, 1), 7.5), t))


@pytest.mark.parametrize("slope", [1.0, 10.0, 100.0])
def test_drift_in_the_increments_is_no_wrong_variance(slope):
    # dW = dW^Q + b dt with b = df/dz = slope x, cut off where |b| dt > 2 sqrt(dt).
    grid = np.linspace(0.0, 1.0, 11)
    model = bsde.GlobalModel(
        Hand(1, b=slope),
        grid=grid,
        control=[Twice(dtype="float64")] * 9,
        u0=0.0,
        z0=0.0,
        dtype="float64",
    )
    _, noise, t = paths(model, 2000)
    x, dw, _ = controlled_paths(model, t, noise)
    inspected(model, (x, dw, t))
    inspected(model, (x[:2], dw[:2], t[:2]))


def test_jittered_paths_are_held_against_their_own_times():
    data = bsde.path_dataset(Hand(2), 500, grid=GRID, seed=1, num_batches=2, jitter=True)
    # As it is nothing is drawn; mapped, the first batch is.
    for form in (data, data.map(lambda *batch: batch)):
        inspected(made(), form)


def batches(x, dw, t, y):
    yield from (((x[k : k + 50], dw[k : k + 50], t[k : k + 50]), y[:50]) for k in (0, 50))


class Batches(keras.utils.PyDataset):
    def __init__(self, *arrays):
        super().__init__()
        self.found = list(batches(*arrays))

    def __len__(self):
        return len(self.found)

    def __getitem__(self, k):
        return self.found[k]


FORMS = {
    "arrays": lambda x, dw, t, y: ((x, dw, t), y),
    "one grid": lambda x, dw, t, y: ((x, dw, GRID), y),
    "data set": lambda *a: (tf.data.Dataset.from_tensor_slices((a[:3], a[3])).batch(50),),
    "generator": lambda *arrays: (batches(*arrays),),
    "PyDataset": lambda *arrays: (Batches(*arrays),),
}
WRONG = {
    "W at t_1, ..., t_N": (lambda x, dw, w: (x, w[:, 1:]), r"np.diff\(W, axis=1\)"),
    "W at t_0, ..., t_(N-1)": (lambda x, dw, w: (x, w[:, :-1]), r"np.diff\(W, axis=1\)"),
    "standard normal": (
        lambda x, dw, w: (x, dw / np.sqrt(np.diff(GRID))[:, None]),
        r"mean of \d.* over \d+ numbers, where 1 is right",
    ),
    "times dt": (
        lambda x, dw, w: (x, dw * np.sqrt(np.diff(GRID))[:, None]),
        r"mean of 0\.\d+ over",
    ),
    "times sigma": (
        lambda x, dw, w: (x, 2**0.5 * dw),
        r"mean of (1\.[6-9]|2\.?[0-4]?)\d* over",
    ),
    "another start": (lambda x, dw, w: (x + [0, 0.01], dw), r"x\[\d+, 0, 1\]=0.51 where"),
    "one start": (
        lambda x, dw, w: (np.where(np.arange(100)[:, None, None] == 7, 2 * x, x), dw),
        r"x\[7, 0, [01]\]=1 where x0\[[01]\]=0.5",
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_wrong_paths_warn_at_the_door(form, monkeypatch):
    for name in ("fit", "evaluate"):
        # Nothing is trained: the door is before Keras.
        monkeypatch.setattr(keras.Model, name, lambda *args, **kwargs: None)
    model, (x, dw, w) = made(), walk(100)
    t = np.tile(GRID[:, None], (100, 1, 1))
    for change, words in WRONG.values():
        given = [v.astype("float32") for v in (*change(x, dw, w), t, x[:, -1, :1])]
        for method in (model.fit, model.evaluate):
            with pytest.warns(UserWarning) as told:
                method(*FORMS[form](*given))
            assert len(told) == 1
            assert re.search(words, str(told[0].message))
            assert told[0].filename == __file__


def test_a_model_that_drives_its_paths_reads_no_start():
    x, dw, _ = walk(100)
    inspected(
        made(importance_sampling=True), (x + 1.0, dw, np.tile(GRID[:, None], (100, 1, 1)))
    )


def test_start_of_a_path_dataset_is_that_of_its_equation():
    data = bsde.path_dataset(Hand(2, x0=[0.5, 0.6]), 8, grid=GRID, num_batches=1)
    with pytest.warns(UserWarning, match=r"0.6 where x0\[1\]=0.5"):
        inspected(made(), data)


def test_no_batch_of_a_generator_is_lost():
    x, dw, _ = walk(100)
    t = np.tile(GRID[:, None], (100, 1, 1))
    again = list(inspected(made(), batches(x, dw, t, x[:, -1, :1])))
    for (inputs, _), first in zip(again, (0, 50), strict=True):
        np.testing.assert_array_equal(inputs[1], dw[first : first + 50])


@pytest.mark.parametrize("distance", [1.0, 5.0, 8.0])
def test_tail_of_one_square_is_that_of_the_normal_law(distance):
    size, tail = _mean_square(np.array([distance]))
    assert size == distance**2
    expected = math.erfc(distance / 2**0.5)
    assert tail == pytest.approx(min(expected, 1 - expected), rel=1e-12)


class Endless(Batches):
    num_batches = None


def test_data_without_an_end_is_refused_at_once():
    model = made()
    model.compile("sgd", loss="mse")
    x, dw, _ = walk(100)
    t = np.tile(GRID[:, None], (100, 1, 1))
    endless = bsde.path_dataset(Hand(2), 8, grid=GRID)
    for data in (endless, endless.map(lambda *batch: batch), Endless(x, dw, t, x[:, -1])):
        for method, argument in (
            (model.fit, "steps_per_epoch"),
            (model.evaluate, "steps"),
            (model.predict, "steps"),
        ):
            with pytest.raises(ValueError, match=f"`{argument}` to be a number of batch"):
                method(data)
