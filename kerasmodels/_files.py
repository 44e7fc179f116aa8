"""Files that are either whole or absent: write beside the target, then rename."""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import tempfile


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
    """What the temporary folders of this machine begin with."""
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
