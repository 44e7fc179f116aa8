"""Training of a `GlobalModel`: Keras's `fit` on fresh paths, along a cosine."""

import math

import keras

from kerasmodels import _checks
from kerasmodels.bsde.global_model import GlobalModel
from kerasmodels.bsde.optimizer import adam
from kerasmodels.bsde.paths import path_dataset


def train(
    model,
    steps,
    batch_size,
    learning_rate,
    seed,
    history,
    callbacks=(),
    verbose=0,
    num_points=25,
    jitter=True,
):
    """Fits a `GlobalModel` on fresh paths, and appends to `history`.

    A model that is compiled is fitted as it is, with the learning rate set anew; one that
    is not is compiled with `decaying_adam`'s optimizer.

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

    Raises:
        ValueError: an argument is not of the form above.
        FloatingPointError: the loss is no longer a finite number.
    """
    owner = "train"
    _checks.instance(owner, "model", model, GlobalModel)
    steps = _checks.positive_int(owner, "steps", steps)
    batch_size = _checks.positive_int(owner, "batch_size", batch_size)
    learning_rate = _checks.finite_float(owner, "learning_rate", learning_rate, above=0.0)
    seed = _checks.seed_int(owner, seed)
    num_points = _checks.positive_int(owner, "num_points", num_points)
    jitter = _checks.boolean(owner, "jitter", jitter)
    if not isinstance(history, dict) or not {"step", "loss", "u0"} <= set(history):
        received = f"history={_checks.describe(history)}"
        expected = 'a dict of lists "step", "loss", "u0"'
        raise _checks.ArgumentError(_checks.message(owner, "history", expected, received))
    num_points = min(num_points, steps)
    per_point = math.ceil(steps / num_points)
    num_points = math.ceil(steps / per_point)
    done = history["step"][-1] if history["step"] else 0
    own_times = getattr(model.control, "num_times", None) is not None
    skip_times = getattr(model.terminal_skip, "num_times", None) is not None
    data = path_dataset(
        model.equation,
        model.grid,
        batch_size,
        seed=seed,
        start_step=done,
        dtype=model.variable_dtype,
        # What takes the time as an input must learn what lies between the grid times.
        jitter=jitter and not (own_times or skip_times or model.num_steps == 1),
    )
    if not model.compiled:
        model.compile(
            adam(learning_rate),
            loss="mse",
            # Compiling takes seconds, which a short run does not win back.
            jit_compile=steps >= 300,
            steps_per_execution=per_point,
        )
    cosine = keras.optimizers.schedules.CosineDecay(learning_rate, num_points, alpha=0.01)
    try:
        logs = model.fit(
            data,
            epochs=num_points,
            steps_per_epoch=per_point,
            callbacks=[
                keras.callbacks.LearningRateScheduler(lambda k: float(cosine(k))),
                *callbacks,
                keras.callbacks.TerminateOnNaN(raise_error=True),
            ],
            verbose=verbose,
        ).history
    except RuntimeError as error:
        if "NaN" not in str(error):
            raise
        raise FloatingPointError(
            f"The loss of {model.equation!r} is no longer a finite number after "
            f"{int(model.optimizer.iterations.numpy())} steps. Usual causes: too large a "
            f"learning_rate (here {learning_rate:g}), too few time steps (here "
            f"{model.num_steps}), or a driver that grows faster than linearly."
        ) from error
    # A callback may have stopped the training early.
    for point in range(len(logs["loss"])):
        history["step"].append(done + (point + 1) * per_point)
        history["loss"].append(float(logs["loss"][point]))
        history["u0"].append(float(logs["u0"][point]))
