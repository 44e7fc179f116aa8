"""Training of a `GlobalModel`: Keras's `fit` on fresh paths, along a cosine."""

import math

import keras

from kerasmodels._support import checks
from kerasmodels.bsde.methods.deep_bsde.causes import Advice
from kerasmodels.bsde.methods.deep_bsde.global_model import GlobalModel
from kerasmodels.bsde.methods.deep_bsde.optimizer import (
    adam,
    fresh,
    has_schedule,
    start_again,
)
from kerasmodels.bsde.paths.distributed import distributed_paths
from kerasmodels.runs.monitor import TrainingMonitor
from kerasmodels.runs.progress import Checkpointer, Progress


def train(
    model,
    steps,
    batch_size,
    learning_rate,
    seed,
    history=None,
    callbacks=(),
    verbose=0,
    num_points=25,
    jitter=True,
    checkpointer=None,
    optimizer=None,
):
    """Fits a `GlobalModel` on fresh paths, and appends to `history`.

    A model that is compiled is fitted as it is, with the learning rate set anew; one that
    is not is compiled with `decaying_adam`'s optimizer. Where numbers go wrong the model
    is set to the last state in which all were finite.

    Args:
        model: `GlobalModel`.
        steps: int. Training steps, rounded up to a multiple of `num_points`.
        batch_size: int. Paths per step.
        learning_rate: float. Start of the cosine, which falls from point to point.
        seed: int. Stream of the paths; the steps already in `history` are skipped.
        history: dict of lists "step", "loss" (mean since the point before), "u0".
        callbacks, verbose: as in `keras.Model.fit`.
        num_points: int. Points of the history, one Keras epoch each.
        jitter: bool. Whether the inner times of the paths move from step to step, as in
            `path_dataset`, where the control process takes any time.
        checkpointer: None or `Checkpointer`. Its progress has the history and the number of
            points that are done, and is moved on; it writes the checkpoints.
        optimizer: None or Keras optimizer, for a model that is not compiled: a new one of
            its config takes the place of Adam, and starts again with each new stage of
            the checkpointer's progress. A schedule in it takes the place of the cosine.

    Raises:
        ValueError: an argument is not of the form above.
        FloatingPointError: the loss, u0 or a weight is no longer a finite number.
    """
    owner = "train"
    checks.instance(owner, "model", model, GlobalModel)
    steps = checks.positive_int(owner, "steps", steps)
    batch_size = checks.positive_int(owner, "batch_size", batch_size)
    learning_rate = checks.finite_float(owner, "learning_rate", learning_rate, above=0.0)
    seed = checks.seed_int(owner, seed)
    num_points = checks.positive_int(owner, "num_points", num_points)
    jitter = checks.boolean(owner, "jitter", jitter)
    history = Progress().history if history is None else history
    if not isinstance(history, dict) or not {"step", "loss", "u0"} <= set(history):
        received = f"history={checks.describe(history)}"
        expected = 'a dict of lists "step", "loss", "u0"'
        raise checks.ArgumentError(checks.message(owner, "history", expected, received))
    if checkpointer is not None:
        checks.instance(owner, "checkpointer", checkpointer, Checkpointer)
    if optimizer is not None:
        checks.instance(owner, "optimizer", optimizer, keras.optimizers.Optimizer)
    num_points = min(num_points, steps)
    per_point = math.ceil(steps / num_points)
    num_points = math.ceil(steps / per_point)
    if checkpointer is None:
        checkpointer = Checkpointer(Progress(history=history))

    def data(start_step):
        return distributed_paths(
            model.equation,
            batch_size,
            grid=model.grid,
            seed=seed,
            start_step=start_step,
            dtype=model.variable_dtype,
            # A network with the time as input must learn z between the grid times.
            jitter=jitter and not (model.fixed_times or model.num_steps == 1),
        )

    compiled = model.compiled
    if not compiled:
        model.compile(
            adam(learning_rate) if optimizer is None else fresh(optimizer, learning_rate),
            loss="mse",
            # Compiling takes seconds, which a short run does not win back.
            jit_compile=steps >= 300,
            steps_per_execution=per_point,
        )
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    if compiled and optimizer is not None and checkpointer.progress.point == 0:
        weights = model.trainable_variables
        with model.distribute_strategy.scope():
            start_again(model.optimizer, optimizer, learning_rate, weights)
    checkpointer.begin(model)
    if checkpointer.progress.point == num_points:
        return
    cosine = keras.optimizers.schedules.CosineDecay(learning_rate, num_points, alpha=0.01)
    falling = keras.callbacks.LearningRateScheduler(lambda k: float(cosine(k)))
    model.fit(
        data(checkpointer.progress.step),
        initial_epoch=checkpointer.progress.point,
        epochs=num_points,
        steps_per_epoch=per_point,
        callbacks=[
            *([] if has_schedule(model.optimizer) else [falling]),
            # Before the caller's, so that none of them keeps a state that is not finite.
            TrainingMonitor(checkpointer, per_point, Advice(learning_rate), data),
            *callbacks,
        ],
        verbose=verbose,
    )
