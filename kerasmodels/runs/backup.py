"""Checkpoints for `fit`: a training that goes on where it was stopped, to the bit."""

import keras

from kerasmodels._support import checks
from kerasmodels.runs.progress import restore, snapshot
from kerasmodels.runs.saver import Saver


class Backup(keras.callbacks.Callback):
    """Writes weights, optimizer, random state and history while `fit` runs.

        backup = Backup("run", every=100)
        model.compile(...)
        done = backup.restore(model)  # training steps; 0 where the folder is empty
        paths = data_set(start_step=done)  # from the step at which it stopped
        model.fit(
            paths, steps_per_epoch=100, initial_epoch=done // 100, epochs=20,
            callbacks=[backup],
        )

    `keras.callbacks.BackupAndRestore` keeps weights, optimizer and epoch too, but not the
    state of random generators inside the model, nor the history, nor an older file to
    fall back on where the newest is torn, nor the step at which the data go on.

    A checkpoint is written at the end of an epoch, because Keras starts its metrics anew
    there. Works for any model that is compiled and built.

    Args:
        folder: str or path. Where the checkpoints are written.
        every: int. Training steps between two of them, at least.
        keep: int. How many of the newest stay.

    Attributes:
        history: dict of lists, as in `keras.callbacks.History`, from the first epoch on.

    Raises:
        ValueError: an argument is not of the form above, the model is not compiled and
            built, or the checkpoints are those of a model of another form.
        CheckpointError: a checkpoint cannot be written, or none can be read.
    """

    def __init__(self, folder, every=200, keep=2):
        super().__init__()
        checks.path("Backup", "folder", folder)
        self._saver = Saver(folder, checks.positive_int("Backup", "every", every), keep)
        self.history = {}

    def restore(self, model):
        """Sets a compiled model to the newest whole checkpoint, if there is one.

        Returns:
            The number of training steps that are done.
        """
        checks.instance("Backup.restore", "model", model, keras.Model)
        if not (model.compiled and model.built):
            raise checks.ArgumentError(
                checks.message(
                    "Backup.restore",
                    "model",
                    "compiled and built",
                    f"compiled={model.compiled}, built={model.built}",
                    "Call `model.compile(...)`, and the model on data once.",
                )
            )
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        found = self._saver.load(_form(model))
        if found is None:
            return 0
        values, record = found
        restore(model, values)
        self.history = record["history"]
        self._saver.step = _steps(model)
        return self._saver.step

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        self._saver.point(_steps(self.model), self._state)

    def on_train_end(self, logs=None):
        self._saver.save(_steps(self.model), self._state)

    def _state(self):
        record = {"run": _form(self.model), "history": self.history}
        return snapshot(self.model), record


def _steps(model):
    """Training steps that are done."""
    return int(model.optimizer.iterations.numpy())


def _form(model):
    """The parts in which a model must equal the one that was saved."""
    weights = [[list(weight.shape), str(weight.dtype)] for weight in model.weights]
    return {
        "model": type(model).__name__,
        "optimizer": type(model.optimizer).__name__,
        "weights": weights,
    }
