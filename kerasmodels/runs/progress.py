"""The state of a run.

`Progress` and the arrays of `snapshot` together are all that is needed to continue.
"""

import dataclasses
import json
import math
import numbers
import time

import numpy as np

from kerasmodels._support import workers
from kerasmodels.runs.checkpoints import CheckpointError
from kerasmodels.runs.saver import Saver


def variables(model):
    """The variables that `fit` changes, without metrics, which each epoch starts anew."""
    metrics = {id(variable) for variable in model.metrics_variables}
    found = (*model.variables, *model.optimizer.variables)
    return [variable for variable in found if id(variable) not in metrics]


def snapshot(model):
    """The values of `variables`, as arrays."""
    return [np.array(variable.numpy()) for variable in variables(model)]


def restore(model, values):
    """Sets `variables`.

    Raises:
        CheckpointError: the arrays are not those of this model; it is left as it is.
    """
    with model.distribute_strategy.scope():
        for variable, value in zip(variables(model), fitting(model, values)):
            variable.assign(value)


def fitting(model, values):
    """Returns arrays that fit `variables`, or raises CheckpointError."""
    wanted = variables(model)
    there = [(tuple(value.shape), value.dtype) for value in values]
    if there != [(tuple(v.shape), np.dtype(v.dtype)) for v in wanted]:
        raise CheckpointError(
            f"The checkpoint holds {len(there)} arrays that do not fit the {len(wanted)} "
            "of this model and its optimizer. It was written by another version, or for "
            "other networks: begin anew in another folder."
        )
    return values


@dataclasses.dataclass
class Progress:
    """The state of a run of `solve`, without the weights.

    Paths are a function of (seed, step), so that no state of a generator belongs here.

    Attributes:
        stage: int. 0 while u0 and z0 train alone, then the round, from 1.
        point: int. Points of the history (one Keras epoch each) finished in this stage.
        importance_sampling: bool. Whether the paths of this stage are driven.
        attainable_half_width: None or float. The half-width that the largest number of
            paths could reach with the previous round's model. None without a previous
            round, or if that half-width is infinite.
        history: dict of lists of equal length: `step`, `loss`, `u0`.
        seconds: float. Wall time spent so far.
    """

    stage: int = 1
    point: int = 0
    importance_sampling: bool = False
    attainable_half_width: float | None = None
    history: dict = dataclasses.field(
        default_factory=lambda: {"step": [], "loss": [], "u0": []}
    )
    seconds: float = 0.0

    @property
    def step(self):
        """Training steps that are done, in all stages."""
        return self.history["step"][-1] if self.history["step"] else 0

    def next_stage(self, importance_sampling, attainable_half_width=None):
        """Moves on to a stage of which nothing is done."""
        self.stage, self.point = self.stage + 1, 0
        self.importance_sampling = importance_sampling
        if attainable_half_width is not None and not math.isfinite(attainable_half_width):
            attainable_half_width = None
        self.attainable_half_width = attainable_half_width

    @classmethod
    def from_record(cls, record):
        """Reads what `dataclasses.asdict` wrote.

        Raises:
            ValueError: it is not of that form.
        """
        try:
            progress = cls(**record)
            half_width = progress.attainable_half_width
            columns = [progress.history[name] for name in ("step", "loss", "u0")]
            right = (
                len(progress.history) == 3
                and len({len(column) for column in columns}) == 1
                and all(_number(v) for column in columns for v in column)
                and all(isinstance(step, int) for step in columns[0])
                and list(columns[0]) == sorted(set(columns[0]))
                and all(type(v) is int and v >= 0 for v in (progress.stage, progress.point))
                and type(progress.importance_sampling) is bool
                and (half_width is None or _number(half_width))
                and _number(progress.seconds)
            )
        except (TypeError, KeyError):
            right = False
        if not right:
            raise ValueError("its record of the progress is not of the right form")
        return progress


def _number(value):
    plain = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return plain and bool(np.isfinite(value))


# Marks a worker that has no checkpoint and takes the chief's weights.
_OF_THE_CHIEF = ()


class Checkpointer:
    """Holds the last finite state of a run in memory, and writes it to checkpoints.

    Args:
        progress: `Progress`.
        folder: None or str or path. Where the checkpoints are. Of several workers the
            chief alone keeps any.
        every: int. Training steps between two checkpoints, at least.
        run: dict. Settings that must be equal for a checkpoint to be resumed.
    """

    def __init__(self, progress, folder=None, every=200, run=None):
        self._begin = time.perf_counter()
        self._before = 0.0
        self.progress = progress
        chief = workers.task_index() == 0
        self._saver = Saver(folder if chief else None, every)
        self.run = {} if run is None else run
        self._last = None
        self._pending = None

    @property
    def checkpoints(self):
        """The `Checkpoints` that it writes, or None."""
        return self._saver.checkpoints

    @property
    def seconds(self):
        """Wall time of this run and of those that it goes on with."""
        return self._before + time.perf_counter() - self._begin

    @property
    def loaded(self):
        """Whether training steps are already done.

        After `load`, whether a checkpoint was taken.
        """
        return self.progress.step > 0

    def load(self):
        """Takes the progress from the newest checkpoint, if there is one.

        With several workers all take the chief's checkpoint: only the chief needs one.

        Raises:
            ValueError: it is of another run.
            CheckpointError: none of those there can be read.
        """
        values, record = self._saver.load(self.run) or (None, {})
        text = json.dumps(record.get("progress", {}))
        record = json.loads(workers.agreed_text(text))
        if record:
            self._pending = values or _OF_THE_CHIEF
            try:
                self.progress = Progress.from_record(record)
            except ValueError as error:
                raise CheckpointError(
                    f"The newest checkpoint cannot be used: {error}. Remove it, or begin "
                    "anew in another folder."
                ) from error
            self._saver.step = self.progress.step
            self._before = self.progress.seconds

    def begin(self, model):
        """Sets a compiled model to what was loaded, and holds it."""
        if self._pending is not None:
            values = snapshot(model) if not self._pending else fitting(model, self._pending)
            restore(model, workers.agreed(values))
            self._pending = None
        self._hold(snapshot(model))

    def _hold(self, values):
        """Notes the present progress and these values as the last good state."""
        self.progress.seconds = self.seconds
        record = {"run": self.run, "progress": dataclasses.asdict(self.progress)}
        self._last = (self.progress.step, values, record)

    def point(self, values):
        """Holds the `snapshot` at a point, and writes a checkpoint where one is due."""
        self._hold(values)
        self._saver.point(self._last[0], self._state)

    def save(self):
        """Writes the last good state, if it is not written yet.

        Returns:
            The step of the newest checkpoint, or None where there is none.
        """
        return self._saver.save(0 if self._last is None else self._last[0], self._state)

    def _state(self):
        return self._last[1:]

    def roll_back(self, model):
        """Sets the model to the last good state."""
        restore(model, self._last[1])
