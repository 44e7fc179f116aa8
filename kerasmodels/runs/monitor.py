"""The monitor of a training: its history, numbers gone wrong, the last finite state."""

import math
import statistics
import warnings

import keras

from kerasmodels.runs import interrupt
from kerasmodels.runs.checkpoints import finite
from kerasmodels.runs.progress import restore, snapshot

# Points in a row whose median loss is compared with those before, and the factor that
# counts as divergence: far above the noise of a mean over a few thousand paths.
_WINDOW = 5
_FACTOR = 10.0


class DivergenceWarning(UserWarning):
    """The loss has been rising for a while, though every number is still finite."""


class TrainingMonitor(keras.callbacks.Callback):
    """Appends to the history at the end of each epoch, and stops at numbers gone wrong.

    Args:
        checkpointer: `Checkpointer`. Its progress is moved on, and it holds the last finite
            state.
        per_point: int. Training steps per epoch.
        advice: function (model, measured) -> str: what to change, and where `measured` is
            True the cause, which takes seconds to find.
        data: function (step) -> data set of the steps from there on.

    Raises:
        FloatingPointError: the loss, u0 or a weight is no longer a finite number. The
            model is then set to its state before that step.
    """

    def __init__(self, checkpointer, per_point, advice, data):
        super().__init__()
        self.checkpointer = checkpointer
        self.per_point = per_point
        self.advice = advice
        self.data = data
        self._losses = []
        self._warned = False

    def on_epoch_end(self, epoch, logs=None):
        progress = self.checkpointer.progress
        values = snapshot(self.model)
        if not _all_finite(logs, values):
            self._stop()
        progress.history["step"].append(progress.step + self.per_point)
        progress.history["loss"].append(float(logs["loss"]))
        progress.history["u0"].append(float(logs["u0"]))
        progress.point = epoch + 1
        self.checkpointer.point(values)
        self._losses.append(float(logs["loss"]))
        if not self._warned and _rising(self._losses):
            self._warn()
        interrupt.check()

    def _stop(self):
        """Names the step, by repeating the epoch step by step from its start."""
        rate = self.model.optimizer.learning_rate
        value = float(rate.numpy())
        self.checkpointer.roll_back(self.model)
        step, what = self.checkpointer.progress.step, "The loss or a weight"
        where = f"training steps {step + 1} to {step + self.per_point}"
        if self.model.distribute_strategy.num_replicas_in_sync == 1:
            # That of a schedule is set by the step.
            if isinstance(rate, keras.Variable):
                rate.assign(value)
            found = _first_bad_step(self.model, self.data(step), self.per_point)
            if found is not None:
                step += found[0]
                where, what = f"training step {step + 1}", found[1]
        kept = ""
        if self.checkpointer.save() is not None:
            newest = self.checkpointer.checkpoints.paths[-1]
            kept = f" The last finite state is in {str(newest)!r}."
        raise FloatingPointError(
            f"{what} of {self.model.equation!r} is no longer a finite number after "
            f"{where}; the model is set to its state before. "
            f"{self.advice(self.model, True)}." + kept
        )

    def _warn(self):
        self._warned = True
        warnings.warn(
            f"The loss of {self.model.equation!r} has risen by more than a factor of "
            f"{_FACTOR:g} up to training step {self.checkpointer.progress.step}. "
            f"{self.advice(self.model, False)}.",
            DivergenceWarning,
            stacklevel=2,
        )


def _all_finite(logs, values):
    numbers = all(math.isfinite(float(logs[name])) for name in ("loss", "u0"))
    return numbers and all(finite(value) for value in values)


def _rising(losses):
    """Whether the last window lies far above the best one before it, and above the last."""
    windows = [
        statistics.median(losses[k : k + _WINDOW])
        for k in range(0, len(losses) - _WINDOW + 1)
    ]
    if len(windows) <= _WINDOW:
        return False
    best = min(windows[:-_WINDOW])
    return windows[-1] > _FACTOR * best and windows[-1] > windows[-1 - _WINDOW]


def _first_bad_step(model, data, num_steps):
    """The pair (steps before it, what is not finite), or None if all is well now.

    The model is left as it was before that step.
    """
    model.steps_per_execution = 1
    model.train_function = None
    for step, (x, y) in enumerate(data.take(num_steps)):
        before = snapshot(model)
        logs = model.train_on_batch(x, y, return_dict=True)
        if not _all_finite(logs, snapshot(model)):
            restore(model, before)
            bad_loss = not math.isfinite(float(logs["loss"]))
            wrong = "The loss" if bad_loss else "A weight or its optimizer state"
            return step, wrong
    return None
