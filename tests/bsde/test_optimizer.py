"""An optimizer of the user: a new one of its config each round, and nothing kept of it."""

import keras
import numpy as np
import pytest

from kerasmodels import bsde
from kerasmodels.bsde.methods.deep_bsde.optimizer import (
    description,
    fresh,
    start_again,
    start_of,
)
from tests.bsde.test_global_model import PlainControl
from tests.bsde.test_resume import SMALL, Stop, equal

MOMENTUM = keras.optimizers.SGD(0.5, momentum=0.5)


def step(optimizer, weight):
    """The weight after a step with gradient 2."""
    optimizer.apply([keras.ops.convert_to_tensor(2.0)], [weight])
    return float(weight.numpy())


def test_a_round_starts_without_the_momentum_of_the_one_before():
    weight = keras.Variable(1.0)
    used = fresh(MOMENTUM, 0.25)
    used.build([weight])
    # v = -0.25 * 2, then v = 0.5 v - 0.25 * 2.
    assert [step(used, weight), step(used, weight)] == [0.5, -0.25]
    start_again(used, MOMENTUM, 0.125, [weight])
    # v = -0.125 * 2 from zero, in the same object.
    assert step(used, weight) == -0.5
    assert int(used.iterations.numpy()) == 1
    # The user's own is as it was: not built, at its own rate.
    assert not MOMENTUM.built
    assert float(MOMENTUM.learning_rate.numpy()) == 0.5


@pytest.mark.parametrize(
    "optimizer, rate, start",
    [
        (None, None, 1e-2),
        (None, 0.5, 0.5),
        (MOMENTUM, None, 0.5),
        (MOMENTUM, 0.25, 0.25),
        (bsde.decaying_adam(0.25, 10), None, 0.25),
    ],
)
def test_learning_rate_at_the_start(optimizer, rate, start):
    assert start_of("solve", optimizer, rate) == start
    if optimizer is not None:
        assert float(fresh(optimizer, start).learning_rate) == start


def test_a_schedule_stays():
    schedule = fresh(bsde.decaying_adam(0.25, 10), 0.125)
    assert float(schedule.learning_rate) == 0.25
    schedule.build([keras.Variable(1.0)])
    schedule.iterations.assign(10)
    assert float(schedule.learning_rate) == pytest.approx(0.0025, rel=1e-6)


def test_a_resumed_run_compares_all_but_name_and_rate():
    other = keras.optimizers.SGD(0.1, momentum=0.5, name="mine")
    assert description(other) == description(MOMENTUM)
    for unlike in (
        None,
        keras.optimizers.SGD(0.5),
        keras.optimizers.RMSprop(0.5, momentum=0.5),
        keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.5, 10), momentum=0.5),
    ):
        assert description(unlike) != description(MOMENTUM)


# Two rounds: the tolerance is never met, and training halves what is left of it.
ROUNDS = {**SMALL, "max_rounds": 2, "tolerance": 1e-9, "num_paths": 256}


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimizer", [keras.optimizers.RMSprop(1e-3), bsde.decaying_adam(1e-2, 8)]
)
def test_layer_and_optimizer_of_the_user_in_a_solve_that_is_stopped(optimizer, tmp_path):
    def solve(**options):
        keras.utils.set_random_seed(0)
        control = PlainControl()
        return bsde.solve(
            bsde.HJB(2),
            **{**ROUNDS, "num_steps": 3},
            control=control,
            optimizer=optimizer,
            **options,
        )

    whole = solve()
    assert type(whole.model.control.layer) is PlainControl
    assert type(whole.model.optimizer) is type(optimizer)
    assert whole.to_dict()["learning_rate"] == pytest.approx(float(optimizer.learning_rate))
    assert not optimizer.built
    for stage in range(len(whole.history["step"]) // 8):
        folder = tmp_path / str(stage)
        with pytest.raises(KeyboardInterrupt):
            solve(checkpoints=folder, checkpoint_every=1, callbacks=[Stop(3, stage)])
        assert equal(solve(checkpoints=folder, resume=True), whole)


def test_hidden_belongs_to_the_networks_of_the_package():
    with pytest.raises(ValueError, match="`hidden` to be left out"):
        bsde.solve(bsde.HJB(2), control=PlainControl(), hidden=[4])


def test_other_optimizers_are_refused():
    for wrong in ("adam", keras.optimizers.Adam, 3):
        with pytest.raises(ValueError, match="`optimizer` to be an instance"):
            bsde.solve(bsde.HJB(2), optimizer=wrong)
    with pytest.raises(ValueError, match="`learning_rate` to be None beside"):
        bsde.solve(
            bsde.HJB(2), optimizer=bsde.decaying_adam(1e-2, 8), learning_rate=np.float32(1)
        )
