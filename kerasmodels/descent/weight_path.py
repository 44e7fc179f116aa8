"""Path of the weights of a small model during training."""

import keras
import numpy as np

from kerasmodels._support import checks


class WeightPath(keras.callbacks.Callback):
    """Records all trainable weights during `fit`, for models with few of them.

    Args:
        every: "batch" or "epoch".

    Attributes:
        steps: list of int. Batches or epochs done, from 0, the start.
        weights: list of float64 arrays, all trainable weights in one row each.
        logs: list of dicts, the logs of Keras; empty for the start.
    """

    def __init__(self, every="batch"):
        super().__init__()
        self.every = checks.one_of("WeightPath", "every", every, ("batch", "epoch"))
        self.steps, self.weights, self.logs = [], [], []
        self._batches, self._epochs, self._last = 0, 0, 0

    def on_train_begin(self, logs=None):
        if not self.steps:
            self._record(0, {})

    def on_train_batch_end(self, batch, logs=None):
        # With several steps per execution Keras calls this after the last of them, and may
        # count steps beyond the end of the epoch.
        self._last = min(batch + 1, self.params.get("steps") or batch + 1)
        if self.every == "batch":
            self._record(self._batches + self._last, logs)

    def on_epoch_end(self, epoch, logs=None):
        self._batches, self._last = self._batches + self._last, 0
        self._epochs += 1
        if self.every == "epoch":
            self._record(self._epochs, logs)

    def _record(self, step, logs):
        weights = self.model.trainable_variables
        row = np.concatenate([np.ravel(np.asarray(w, "float64")) for w in weights])
        self.steps.append(step)
        self.weights.append(row)
        self.logs.append(dict(logs or {}))

    def path(self):
        """All recorded weights, `[steps, weights]`."""
        return np.array(self.weights)
