"""One run of a method: its checkpoints, its display, and how it resumes."""

import dataclasses
import json
import time

import keras

from kerasmodels._support import checks
from kerasmodels.runs.progress import Checkpointer, Progress


@dataclasses.dataclass(frozen=True)
class Run:
    """Checkpoints and display of a run; they change no number.

    Args:
        checkpoints: None, str or path. A folder in which the state of the run is kept. A
            run that was stopped at any moment goes on from there with `resume=True`, and
            ends (on the same machine and versions) with the same bits as one that was
            not. The folder may be removed once the solution is saved.
        checkpoint_every: int. Training steps between two checkpoints, at least: they are
            written at the points of the history.
        resume: bool. Go on from the newest checkpoint that is whole, if there is one. All
            settings must be those of that run but for `tolerance`, `learning_rate`,
            `num_paths`, `max_rounds`, and those of this class.
        callbacks: list of Keras callbacks.
        verbose: 0, 1 or 2, as in `keras.Model.fit`.
        progress: None or bool. Whether one line on the standard error shows the phase, the
            present u0 and the time left; None shows it on a terminal where `verbose` is 0.

    Raises:
        ValueError: an argument is not of the form above.
    """

    checkpoints: object = None
    checkpoint_every: int = 200
    resume: bool = False
    callbacks: tuple = ()
    verbose: int = 0
    progress: bool | None = None

    def __post_init__(self):
        owner = "solve"
        if not isinstance(self.callbacks, (list, tuple)):
            checks.instance(owner, "callbacks", self.callbacks, list)
        for callback in self.callbacks:
            checks.instance(owner, "callbacks", callback, keras.callbacks.Callback)
        checks.one_of(owner, "verbose", self.verbose, (0, 1, 2))
        if self.progress is not None:
            checks.boolean(owner, "progress", self.progress)
        checks.positive_int(owner, "checkpoint_every", self.checkpoint_every)
        resume = checks.boolean(owner, "resume", self.resume)
        if self.checkpoints is not None:
            checks.path(owner, "checkpoints", self.checkpoints)
        elif resume:
            advice = "Give the folder of the checkpoints as `checkpoints`."
            raise checks.ArgumentError(
                checks.message(owner, "resume", "False without checkpoints", "True", advice)
            )

    @property
    def shown(self):
        """`progress`, and False where Keras prints lines of its own."""
        return False if self.progress is None and self.verbose else self.progress


class ActiveRun:
    """A run that is under way, as a method gets it.

    Args:
        run: `Run`.
        seed: int. Of all random numbers.
        line: `ProgressLine`.
        estimator: function (approximation) -> its `Estimator`, one for each.

    Attributes:
        checkpointer: None until `begin`, then the `Checkpointer` of the run.
    """

    def __init__(self, run, seed, line, estimator):
        self.callbacks, self.verbose = tuple(run.callbacks), run.verbose
        self.seed, self.line, self.estimator = seed, line, estimator
        self._run = run
        self._started, self._before = time.perf_counter(), 0.0
        self.checkpointer = None

    @property
    def seconds(self):
        """Wall time so far, with that of the run whose checkpoint this one goes on from."""
        if self.checkpointer is None:
            return time.perf_counter() - self._started
        return self._before + self.checkpointer.seconds

    def begin(self, identity, first_stage=1):
        """The `Checkpointer`, with the newest checkpoint's progress where the run resumes.

        Args:
            identity: dict. The settings that make two runs the same.
            first_stage: int. The stage at which a run starts that resumes nothing.
        """
        # Plain values, because it is compared with a record from a file.
        identity = json.loads(json.dumps(identity, default=str))
        run = self._run
        progress = Progress(stage=first_stage)
        self._before = time.perf_counter() - self._started
        self.checkpointer = Checkpointer(
            progress, run.checkpoints, run.checkpoint_every, identity
        )
        if run.resume:
            self.checkpointer.load()
        elif self.checkpointer.checkpoints is not None:
            self.checkpointer.checkpoints.require_none("solve")
        return self.checkpointer
