"""Refusals of arrays that do not fit into memory, before they are made."""

import contextlib
import gc
import os
import pathlib

import numpy as np

from kerasmodels._support import checks

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def available():
    """Bytes of memory that can be had at this moment, or None where that is unknown."""
    found = []
    try:
        for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                found.append(1024 * int(line.split()[1]))
    except (OSError, ValueError):
        pass
    try:
        # A container may have less than its machine. Without a limit the file has "max".
        found.append(int(pathlib.Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):
        pass
    if found:
        return min(found)
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def in_words(size):
    """A number of bytes to three digits, in decimal units: "80 GB"."""
    size, unit = float(min(size, 10**300)), 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.3g} {_UNITS[unit]}"


def release():
    """Frees what Python and TensorFlow keep of models that are gone.

    Graphs refer to themselves, and TensorFlow caches a kernel for the name of every
    variable there ever was: 0.03 MB each. `keras.backend.clear_session` clears that cache
    too, but takes the names and settings of the caller's own models along.
    """
    gc.collect()
    with contextlib.suppress(ImportError, AttributeError):
        from tensorflow.python.eager import context

        context.context().clear_kernel_cache()


def fits(owner, argument, numbers, dtype, what, advice):
    """Raises ValueError if so many numbers do not fit into the memory that is left.

    Args:
        owner, argument: str. The function, and its argument that decides the size.
        numbers: int. How many there will be at one time.
        dtype: str. The type of each.
        what: str. Their name, for the error.
        advice: str. For the error.
    """
    free = available()
    size = numbers * np.dtype(dtype).itemsize
    if free is not None and size > free:
        raise checks.ArgumentError(
            checks.message(
                owner,
                argument,
                f"small enough for the {in_words(free)} of memory that are left",
                f"a size that would need {in_words(size)} for {what}",
                advice,
            )
        )
