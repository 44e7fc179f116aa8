"""Checkpoints of a training run: whole or absent, and refused where they do not fit."""

import json
import math
import shutil
import warnings

import numpy as np
import tensorflow as tf

from kerasmodels._support import checks, files

_PREFIX = "step-"
_RECORD = "record"
# Errors of TensorFlow's reader on files that are torn, foreign or gone.
_UNREADABLE = (
    tf.errors.OpError,
    ValueError,
    TypeError,
    LookupError,
    OSError,
    RuntimeError,
)


class CheckpointError(OSError):
    """A checkpoint cannot be written, or none of those there can be read."""


class Checkpoints:
    """Numbered checkpoints in a folder: arrays and a record of plain numbers.

    Each is a folder `step-000000240` with a TensorFlow tensor bundle, which carries a
    checksum for every tensor. It is written beside its place and renamed, so that a run
    killed at any moment leaves the ones before as they were.

    Args:
        folder: str or path.
        keep: int. How many of the newest stay; at least two, so that there is one to fall
            back on.

    Raises:
        ValueError: an argument is not of the form above.
    """

    def __init__(self, folder, keep=2):
        self.folder = checks.path("Checkpoints", "folder", folder)
        self.keep = checks.positive_int("Checkpoints", "keep", keep, minimum=2)

    @property
    def paths(self):
        """The folders of the checkpoints, oldest first."""
        found = self.folder.glob(f"{_PREFIX}*")
        return sorted(p for p in found if p.name.removeprefix(_PREFIX).isdigit())

    def save(self, step, values, record):
        """Writes a checkpoint and removes those that are too old.

        Args:
            step: int. Its number.
            values: list of arrays.
            record: dict of plain values.

        Raises:
            CheckpointError: it cannot be written. The ones before are untouched.
        """
        tensors = [tf.constant(json.dumps(record)), *map(tf.convert_to_tensor, values)]
        path = self.folder / f"{_PREFIX}{step:09d}"
        try:
            with files.replacing(path, mark="state.index") as temporary:
                temporary.mkdir()
                tf.raw_ops.SaveV2(
                    prefix=str(temporary / "state"),
                    tensor_names=_names(values),
                    shape_and_slices=[""] * len(tensors),
                    tensors=tensors,
                )
        except (OSError, tf.errors.OpError) as error:
            last = self.paths[-1] if self.paths else "none"
            raise CheckpointError(
                f"A checkpoint of step {step} cannot be written to {str(self.folder)!r}: "
                f"{_reason(error)}. The last good one: {last}. Make room or choose "
                "another folder, and go on from there (resume=True)."
            ) from error
        for old in self.paths[: -self.keep]:
            shutil.rmtree(old, ignore_errors=True)
        return path

    def load(self, run):
        """Reads the newest checkpoint that is whole.

        Args:
            run: dict. The value that the record must have under "run".

        Returns:
            The pair (values, record), or None where there is no checkpoint. One that
            cannot be read is passed over with a warning.

        Raises:
            ValueError: the newest one is of another run.
            CheckpointError: there are checkpoints, and none of them can be read.
        """
        paths = self.paths[::-1]
        for path, older in zip(paths, [*paths[1:], None]):
            try:
                found = _read(path, run)
            except checks.ArgumentError:
                raise
            except _UNREADABLE as error:
                text = f"The checkpoint {str(path)!r} cannot be read: {_reason(error)}."
                if older is not None:
                    warnings.warn(
                        f"{text} Going on from the one before, {older.name}.", stacklevel=2
                    )
                    continue
                raise CheckpointError(
                    f"{text} There is none before it. Begin anew in another folder, or "
                    f"remove {str(self.folder)!r}."
                ) from error
            return found
        return None

    def require_none(self, owner):
        """Raises an error where there are checkpoints, which a new run would remove."""
        if self.paths:
            raise checks.ArgumentError(
                f"`{owner}` finds checkpoints of a run in {str(self.folder)!r}. Received: "
                "resume=False. Go on with that run (resume=True), or begin anew "
                "in another folder, or empty this one."
            )

    def clear(self):
        """Removes all checkpoints, and the folder if nothing else is in it."""
        for path in self.paths:
            shutil.rmtree(path, ignore_errors=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()


def _names(values):
    return [_RECORD, *(f"value-{k:06d}" for k in range(len(values)))]


def _reason(error):
    """The first line of an error, without TensorFlow's trailing remarks."""
    return str(error).strip().splitlines()[0].rstrip(".") if str(error) else repr(error)


def _read(path, run):
    """Arrays and record of one checkpoint.

    Shapes are compared with the size of the file before anything is read, so that no file
    can make the reader take more memory than the file has bytes.
    """
    reader = tf.train.load_checkpoint(str(path / "state"))
    shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    if dtypes.get(_RECORD) != tf.string or shapes[_RECORD] != []:
        raise ValueError("it holds no record")
    record = json.loads(reader.get_tensor(_RECORD).decode())
    if not isinstance(record, dict) or not isinstance(record.get("run"), dict):
        raise ValueError("its record is not of the form that this version writes")
    _same_run(path, record["run"], run)
    names = _names(range(len(shapes) - 1))
    if set(names) != set(shapes):
        raise ValueError("its arrays are not those that this version writes")
    claimed = sum(math.prod(shapes[name]) * dtypes[name].size for name in names[1:])
    there = sum(part.stat().st_size for part in path.iterdir())
    if claimed > there:
        raise ValueError(f"it claims to hold {claimed} bytes in {there} bytes")
    found = [reader.get_tensor(name) for name in names[1:]]
    if not all(finite(value) for value in found):
        raise ValueError("it holds numbers that are not finite")
    return found, record


def finite(value):
    """Whether an array has finite numbers only; integers have nothing else."""
    return not np.issubdtype(value.dtype, np.inexact) or bool(np.all(np.isfinite(value)))


def _same_run(path, there, here):
    for name in sorted({*there, *here}):
        if there.get(name) != here.get(name):
            raise checks.ArgumentError(
                f"The checkpoint {str(path)!r} is of another run: expected "
                f"{name}={_short(here.get(name))}. Received: {name}="
                f"{_short(there.get(name))}. Go on with the arguments of that run, or "
                "choose another folder, or empty this one."
            )


def _short(value):
    text = json.dumps(value)
    return text if len(text) <= 200 else f"{text[:197]}..."
