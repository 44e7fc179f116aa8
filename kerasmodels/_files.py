"""Files that are either whole or absent: write beside the target, then rename."""

import contextlib
import json
import os
import pathlib
import shutil
import tempfile


@contextlib.contextmanager
def replacing(path):
    """Yields a temporary path that takes the place of `path` when the block succeeds.

    The temporary path lies in the same folder and ends like `path`, because Keras and
    Matplotlib choose the format by the ending. A file or a folder may be written there.
    If the block raises, what stood at `path` before still stands there.

    Args:
        path: str or path. The file or folder to write.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    workspace = pathlib.Path(tempfile.mkdtemp(prefix=".writing-", dir=path.parent))
    try:
        temporary = workspace / path.name
        yield temporary
        if path.is_dir():
            # A folder cannot be renamed onto a non-empty one.
            os.replace(path, workspace / "previous")
        os.replace(temporary, path)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def write_text(path, text):
    """Writes `text` to `path` atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path, value):
    """Writes `value` to `path` as strict JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")
