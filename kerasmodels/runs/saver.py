"""The rule of when a training is written to checkpoints: every so many steps, and once."""

from kerasmodels.runs.checkpoints import Checkpoints


class Saver:
    """Writes the state of a training step where enough steps have passed since the last.

    Args:
        folder: None or str or path. Where the checkpoints are written; None writes none.
        every: int. Training steps between two of them, at least.
        keep: int. How many of the newest stay.

    Attributes:
        checkpoints: None or `Checkpoints`.
        step: int. The step of the newest checkpoint of this training, 0 without one. A
            training that resumes sets it.
    """

    def __init__(self, folder, every, keep=2):
        self.checkpoints = None if folder is None else Checkpoints(folder, keep)
        self.every = every
        self.step = 0

    def load(self, run):
        """As `Checkpoints.load`; None without a folder."""
        return None if self.checkpoints is None else self.checkpoints.load(run)

    def point(self, step, state):
        """Writes the state where `every` steps have passed.

        Args:
            step: int. Training steps that are done.
            state: function () -> (list of arrays, record), called only for what is written.

        Raises:
            CheckpointError: the state cannot be written.
        """
        if step - self.step >= self.every:
            self.save(step, state)

    def save(self, step, state):
        """Writes the state unless that step is written; arguments and errors as `point`.

        Returns:
            The step of the newest checkpoint, or None where there is none.
        """
        if self.checkpoints is None:
            return None
        if step > self.step:
            self.checkpoints.save(step, *state())
            self.step = step
        return self.step or None
