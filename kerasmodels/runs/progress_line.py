"""One line on the terminal over start, rounds of training and estimate of a solve."""

import sys

import keras
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class ProgressLine:
    """The phase of a run, the present u0, and the time that is gone and left of the phase.

    A thread of the library `rich` redraws the line several times a second, so it moves
    while TensorFlow compiles. It goes to the standard error and is removed at the end.

    Args:
        shown: None or bool. None shows the line where the standard error is a terminal.
    """

    def __init__(self, shown=None):
        self._shown = sys.stderr.isatty() if shown is None else shown
        self._line = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
            transient=True,
            disable=not self._shown,
        )
        self._task = self._line.add_task("", total=None, left="")

    def __enter__(self):
        if self._shown:
            self._line.start()
        return self

    def __exit__(self, *error):
        if self._shown:
            self._line.stop()

    def phase(self, text, total=None):
        """Begins a phase of `total` parts, or of an unknown number."""
        left = "" if total is None else "left:"
        self._line.reset(self._task, total=total, description=text, left=left)

    def update(self, text, done, total):
        """Moves the present phase to `done` of `total` parts."""
        self._line.update(self._task, description=text, completed=done, total=total)

    def note(self, text):
        """Prints a line that stays, above the one that moves."""
        if self._shown:
            self._line.console.print(text, markup=False, highlight=False)

    def estimate(self, done, wanted, estimate):
        """Shows an estimate that is under way: chunks of paths, and the last `Estimate`."""
        text = "estimate"
        if estimate is not None:
            text += f": u0 = {estimate.u0:.6g} +- {estimate.half_width:.1g}"
        self.update(text, done, wanted)


class TrainingLine(keras.callbacks.Callback):
    """Shows each point of a training on a `ProgressLine`.

    Args:
        line: `ProgressLine`.
        name: str. What is trained.
    """

    def __init__(self, line, name):
        super().__init__()
        self.line = line
        self.name = name

    def on_train_begin(self, logs=None):
        self.line.phase(self.name, self.params["epochs"])

    def on_epoch_end(self, epoch, logs=None):
        text = f"{self.name}: loss {logs['loss']:.3g}, u0 = {logs['u0']:.6g}"
        self.line.update(text, epoch + 1, self.params["epochs"])
