"""Contents of a `.keras` file, checked before Keras builds anything from them.

Keras's safe mode refuses code. The checks refuse the rest: files that inflate, sizes that
no file of that length can fill, weights that are not finite numbers, and parts that Keras
would unpack or pass over. All is read from the file itself, at most once its
length into memory.
"""

import io
import math
import re
import zipfile

import h5py
import numpy as np
import tensorflow as tf

from kerasmodels._support import files, memory

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
# Classes that run code of the file's author, or of another format.
_FORBIDDEN = ("Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer")
# Integers of a config that are no sizes.
_NO_SIZES = re.compile("seed|_id$|steps|iterations")
# Sizes of a config that need no weights to go with them.
_FREE_SIZE = 2**14
_DEEPEST_GROUP = 64


class Unfit(Exception):
    """A file that is not loaded: the reason, and advice."""

    def __init__(self, found, advice="It was damaged or changed: get it again."):
        super().__init__(found)
        self.found, self.advice = found, advice


def inspect(owner, path):
    """Checks the file; returns its config and the number of bytes of its weights.

    Raises:
        Unfit, ValueError: the file must not be loaded.
    """
    size, available = path.stat().st_size, memory.available()
    if available is not None and 2 * size > available:
        raise Unfit(
            f"which is {size} bytes long, where {available} are available",
            "Loading takes twice its length in memory.",
        )
    with zipfile.ZipFile(path) as archive:
        _check_members(archive)
        config = files.parse_json(archive.read(CONFIG), owner, path, CONFIG)
        metadata = files.parse_json(archive.read(METADATA), owner, path, METADATA)
        weights = archive.read(WEIGHTS)
    if not isinstance(metadata, dict) or "keras_version" not in metadata:
        raise Unfit(f"whose {METADATA} does not name the version of Keras")
    if not isinstance(config, dict) or "class_name" not in config:
        raise Unfit(f"whose {CONFIG} describes no model")
    _check_config(config, max(_FREE_SIZE, len(weights)))
    _check_weights(weights)
    return config, len(weights)


def _check_members(archive):
    members = archive.infolist()
    names = sorted(member.filename for member in members)
    if names != [CONFIG, METADATA, WEIGHTS]:
        missing = {CONFIG, METADATA, WEIGHTS}.difference(names)
        more = [name for name in dict.fromkeys(names) if name not in (CONFIG, METADATA)]
        raise Unfit(
            f"in which {' and '.join(sorted(missing))} is missing"
            if missing
            else f"with other parts or one part twice: {str(more)[:120]}",
            f"A model of this package is {CONFIG}, {METADATA} and {WEIGHTS}.",
        )
    for member in members:
        stored = member.compress_type == zipfile.ZIP_STORED
        if not stored or member.compress_size != member.file_size:
            raise Unfit(
                f"whose {member.filename} is compressed, {member.compress_size} bytes for "
                f"{member.file_size}",
                "Keras does not compress: what is stored as it is cannot inflate.",
            )
        if member.flag_bits & 1 or (member.external_attr >> 28) not in (0, 8):
            raise Unfit(f"whose {member.filename} is encrypted or a link")


def _check_config(config, largest):
    """Refuses classes that run code, and sizes that the weights cannot fill."""
    todo = [("", config)]
    while todo:
        key, value = todo.pop()
        if isinstance(value, list):
            todo += [(key, item) for item in value]
        elif isinstance(value, dict):
            name = value.get("class_name")
            if isinstance(name, str) and name in _FORBIDDEN:
                raise Unfit(
                    f"whose {CONFIG} names `{name}`, which can run code of its author",
                    "Make the model again from layers, or from registered classes.",
                )
            if name == "__numpy__" and not re.fullmatch(
                r"(float|int|uint|bool)\d*", str((value.get("config") or {}).get("dtype"))
            ):
                raise Unfit(f"whose {CONFIG} holds an array that is not of numbers")
            todo += value.items()
        elif isinstance(value, int) and abs(value) > largest and not _NO_SIZES.search(key):
            raise Unfit(
                f"whose {CONFIG} has {key}={value}, for which the file is too short"
            )


def _check_weights(content):
    """Refuses links, data that lie elsewhere or inflate, and NaN."""
    with h5py.File(io.BytesIO(content), "r") as file:
        seen, todo = set(), [(file, 0)]
        while todo:
            group, depth = todo.pop()
            for name in group:
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise Unfit(f"whose weights hold a link to elsewhere, {name!r}")
                item = group[name]
                address = h5py.h5o.get_info(item.id).addr
                if address in seen or depth > _DEEPEST_GROUP:
                    raise Unfit(f"whose weights hold a group within itself, {name!r}")
                seen.add(address)
                if isinstance(item, h5py.Group):
                    todo.append((item, depth + 1))
                else:
                    _check_dataset(item)


def _check_dataset(data):
    if not isinstance(data, h5py.Dataset) or data.shape is None:
        raise Unfit("whose weights hold something that is no array")
    if data.external or data.is_virtual:
        raise Unfit(f"whose weights lie in another file ({data.name})")
    size = math.prod(data.shape) * data.dtype.itemsize
    if data.chunks is not None or size > data.id.get_storage_size():
        raise Unfit(
            f"whose weights {data.name} would take {size} bytes and are stored as "
            f"{data.id.get_storage_size()}",
            "Keras does not compress: what is stored as it is cannot inflate.",
        )
    brain = data.dtype == "V2" and data.attrs.get("dtype") == "bfloat16"
    if not brain and data.dtype.kind not in "fiub":
        raise Unfit(f"whose weights {data.name} are not numbers ({data.dtype})")
    values = data[()].view(tf.bfloat16.as_numpy_dtype) if brain else data[()]
    wrong = int(np.sum(~np.isfinite(values)))
    if wrong:
        raise Unfit(
            f"with {wrong} NaN or infinite values in its weights {data.name}",
            "Its training diverged, or it was changed: take an earlier one.",
        )
