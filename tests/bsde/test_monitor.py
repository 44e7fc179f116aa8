"""Numbers that go wrong are named with their step, and what was good stays."""

import keras
import numpy as np
import pytest

from kerasmodels import bsde
from kerasmodels.bsde.solution import supported_digits
from kerasmodels.runs import monitor
from kerasmodels.runs.progress import Checkpointer, Progress, snapshot


def model():
    return bsde.GlobalModel(bsde.AllenCahn(2), num_steps=3, control="shared", seed=1)


# u^3 in the driver, and long steps: u soon leaves the range of float32.
RATE = 20.0
WILD = {"batch_size": 8, "learning_rate": RATE, "seed": 0}


def first_bad_step():
    """By training one step at a time: its number, and the weights before it."""
    single = model()
    # As `train` compiles; its rate falls only from point to point.
    single.compile(keras.optimizers.Adam(RATE, epsilon=1e-12), loss="mse")
    single.optimizer.build(single.trainable_variables)
    data = bsde.path_dataset(single.equation, 8, grid=single.grid, seed=0, jitter=True)
    for step, (x, y) in enumerate(data.take(40), 1):
        before = snapshot(single)
        single.train_on_batch(x, y)
        if not all(np.all(np.isfinite(v)) for v in snapshot(single)):
            return step, before
    raise AssertionError("all steps were finite")


def test_the_step_is_named_and_the_state_before_it_kept(tmp_path):
    step, before = first_bad_step()
    assert step > 2
    wild = model()
    checkpointer = Checkpointer(Progress(), tmp_path, every=1)
    with pytest.raises(FloatingPointError) as error:
        # Two points of 20 steps: the step lies inside of the first.
        bsde.train(wild, 40, **WILD, num_points=2, checkpointer=checkpointer)
    text = str(error.value)
    assert f"after training step {step};" in text
    # u - u^3.
    for words in (
        "learning_rate (here 20",
        "more time steps (here",
        "faster than linearly in u",
    ):
        assert words in text
    for value, expected in zip(snapshot(wild), before, strict=True):
        # One step and many compile to other orders of the same sums.
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5)


def test_the_last_finite_point_is_written(tmp_path):
    class Poison(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                self.model._u0.assign(np.nan)

    with pytest.raises(
        FloatingPointError, match="last finite state is in .*step-000000002"
    ):
        bsde.solve(
            bsde.HJB(2),
            num_steps=3,
            steps=8,
            batch_size=8,
            num_paths=64,
            max_rounds=1,
            checkpoints=tmp_path,
            callbacks=[Poison()],
        )


def test_rising_loss_warns_once():
    rising = [1.0] * 6 + [2.0**k for k in range(20)]
    flags = [monitor._rising(rising[:k]) for k in range(1, len(rising) + 1)]
    first = flags.index(True)
    # The median of the last five exceeds ten times the best.
    assert np.median(rising[first - 4 : first + 1]) > 10
    assert not monitor._rising([2.0**-k for k in range(30)])
    noise = np.random.default_rng(0).lognormal(sigma=0.5, size=200)
    assert not any(monitor._rising(list(noise[:k])) for k in range(200))


def test_divergence_of_a_training_is_a_warning_with_advice():
    class Push(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model._u0.assign_add(2.0**epoch)

    equation = bsde.Heat(1)
    pushed = bsde.GlobalModel(equation, num_steps=3)
    with pytest.warns(bsde.DivergenceWarning, match="smaller learning_rate") as caught:
        bsde.train(pushed, 40, 8, 1e-4, 0, callbacks=[Push()], num_points=20)
    assert sum(w.category is bsde.DivergenceWarning for w in caught) == 1


@pytest.mark.parametrize(
    "value, half_width, text",
    [
        (4.59016, 0.00025, "4.59016"),
        (57.3134, 0.03, "57.313"),
        (1.2345, 3.4, "1.2"),
        (12.345, 45.0, "12"),
        (123456.0, 2300.0, "123500"),
        (4.59016, 5e20, "0"),
        (3.14159e21, 5e20, "3.14e+21"),
    ],
)
def test_digits_end_where_the_interval_does(value, half_width, text):
    assert supported_digits(value, half_width) == text
