"""Files that are whole or absent, and readers that trust no file.

A file is written beside its target and renamed.
"""

import contextlib
import json
import math
import os
import pathlib
import shutil
import socket
import tempfile

from kerasmodels._support import checks

# Far above any result or history of this package; in memory JSON takes 25 times as much.
_LARGEST_JSON = 2**25


@contextlib.contextmanager
def replacing(path, mark=None):
    """Yields a temporary path that takes the place of `path` when the block succeeds.

    The temporary path lies in the same folder and ends like `path`, because Keras and
    Matplotlib choose the format by the ending. A file or a folder may be written there.
    If the block raises, what stood at `path` before still stands there.

    Args:
        path: str or path. The file or folder to write.
        mark: None or str. For a folder: a file that shows that an older folder at `path`
            is a result like this one. Any other folder that holds something is left
            alone.

    Raises:
        FileExistsError: a folder stands at `path` that may not be replaced.
    """
    path = pathlib.Path(path)
    if path.is_dir() and any(path.iterdir()) and not (mark and (path / mark).exists()):
        raise FileExistsError(
            f"The folder {str(path)!r} holds other files and is left as it is. Remove it, "
            "or choose another name."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f"{_mark()}{os.getpid()}-"
    workspace = pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=path.parent))
    try:
        temporary = workspace / path.name
        yield temporary
        previous = workspace / "previous"
        if path.is_dir():
            # A folder cannot be renamed onto a non-empty one.
            os.replace(path, previous)
        try:
            os.replace(temporary, path)
        except OSError:
            if previous.exists():
                os.replace(previous, path)
            raise
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def _mark():
    """The prefix of the temporary folders of this machine."""
    return f".writing-{socket.gethostname()}-"


def remove_stale(folder):
    """Removes temporary folders that killed processes of this machine left behind.

    To be called before this process writes anything there.
    """
    for path in pathlib.Path(folder).rglob(f"{_mark()}*"):
        pid = path.name.removeprefix(_mark()).split("-")[0]
        if pid.isdigit() and (int(pid) == os.getpid() or not _alive(int(pid))):
            shutil.rmtree(path, ignore_errors=True)


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        # There, but another user's.
        pass
    return True


def write_text(path, text):
    """Writes `text` to `path` atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path, value):
    """Writes `value` to `path` as strict JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def refuse(owner, path, expected, received, advice=""):
    """Raises the error of the one form for a file."""
    received = f"path={str(path)!r}, {received}"
    raise checks.ArgumentError(checks.message(owner, "path", expected, received, advice))


def regular_file(owner, path, expected):
    """Returns `path` as a `pathlib.Path` if a file is there: no folder, pipe or device."""
    try:
        path = pathlib.Path(path)
        if path.is_file():
            return path
        found = "a folder" if path.is_dir() else "no such file"
        found = "a pipe or a device" if path.exists() and not path.is_dir() else found
    except (TypeError, ValueError, OSError) as error:
        found = f"no usable path ({error})"
    refuse(owner, path, expected, found)


def read_json(path):
    """Reads strict JSON from a file that need not be trusted.

    Raises:
        ValueError: there is no such file, it is longer than 32 MiB, or `parse_json`
            refuses it.
    """
    owner, expected = "read_json", "a file of strict JSON"
    path = regular_file(owner, path, expected)
    size = path.stat().st_size
    if size > _LARGEST_JSON:
        refuse(owner, path, f"{expected} of at most {_LARGEST_JSON} bytes", f"{size} bytes")
    try:
        content = path.read_bytes()
    except OSError as error:
        refuse(owner, path, expected, f"which cannot be read ({error})")
    return parse_json(content, owner, path)


def parse_json(content, owner, path, part="which"):
    """The value that bytes of strict JSON stand for.

    Args:
        content: bytes.
        owner, path, part: the function, its file, and the part of it, for the error.

    Raises:
        ValueError: more than 32 MiB, no UTF-8, no JSON, cut off, nested too deep, a name
            twice in one object, or a number that is NaN, infinite or thousands of digits
            long.
    """
    expected = "a file of strict JSON" if part == "which" else "a file with strict JSON"
    if len(content) > _LARGEST_JSON:
        refuse(owner, path, expected, f"{part} has {len(content)} bytes")
    try:
        return json.loads(
            content.decode("utf-8"),
            parse_constant=_finite,
            parse_float=_finite,
            object_pairs_hook=_each_name_once,
        )
    except (ValueError, RecursionError) as error:
        refuse(
            owner,
            path,
            expected,
            f"{part} is not ({type(error).__name__}: {' '.join(str(error).split())[:160]})",
            "It was cut off, damaged or written by something else: make it again.",
        )


def _finite(text):
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value


def _each_name_once(pairs):
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return result


def save_figure(figure, path):
    """Writes a figure atomically, at the resolution that the pages use."""
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)
