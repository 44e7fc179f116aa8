"""Files that somebody tampered with, made from good ones: one line each.

A case is a function (good, folder) -> path. `good` maps "global", "dense", "unet" and
"plain" to the bytes of a saved model; `folder` is empty. What runs code would make a file
named CANARY in the working folder.
"""

import io
import json
import os
import struct
import warnings
import zipfile

import h5py
import keras
import numpy as np

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
CANARY = "canary"
BIG = 10**9


def parts(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(members, compression=zipfile.ZIP_STORED):
    """A zip archive of pairs (name or `ZipInfo`, bytes)."""
    file = io.BytesIO()
    # Two members of one name are what some cases are about.
    with (
        zipfile.ZipFile(file, "w", compression) as archive,
        warnings.catch_warnings(action="ignore"),
    ):
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def written(folder, content, name="model.keras"):
    path = folder / name
    path.write_bytes(content)
    return path


def changed(which="dense", **members):
    """Other bytes for config, metadata or weights; None leaves the member out."""
    names = {"config": CONFIG, "metadata": METADATA, "weights": WEIGHTS}

    def make(good, folder):
        content = parts(good[which])
        content |= {names[name]: value for name, value in members.items()}
        kept = [(name, value) for name, value in content.items() if value is not None]
        return written(folder, pack(kept))

    return make


def added(*more, which="dense"):
    """Members beside those of a good file."""

    def make(good, folder):
        return written(folder, pack([*parts(good[which]).items(), *more]))

    return make


def compressed(method, names, filler=b""):
    """Members that are compressed, the first with `filler` behind it."""

    def make(good, folder):
        members = []
        for name, content in parts(good["dense"]).items():
            info = zipfile.ZipInfo(name)
            if name in names:
                info.compress_type = method
                content += filler
            members.append((info, content))
        return written(folder, pack(members))

    return make


def edited(edit, which="dense"):
    """A config that `edit`, which changes it in place or returns another, has changed."""

    def make(good, folder):
        config = json.loads(parts(good[which])[CONFIG])
        config = edit(config) or config
        return changed(which, config=json.dumps(config).encode())(good, folder)

    return make


def entry(which="dense", /, **values):
    """A config with other arguments of the model itself."""

    def edit(config):
        assert set(values) <= set(config["config"])
        config["config"].update(values)

    return edited(edit, which)


def _layer(config):
    return config["config"]["layers"][-1]["config"]


def activation(value):
    """A `Dense` network whose activation is another object."""
    dense = {"class_name": "Dense", "module": "keras.layers", "registered_name": None}
    dense["config"] = {"name": "d", "units": 3, "activation": value}
    return layer(dense)


def layer(value):
    """A network whose last layer is another object."""

    def edit(config):
        config["config"]["layers"][-1] = value

    return edited(edit, "plain")


def thing(name, module=None, config=None, registered=None):
    """The config of an object."""
    config = {} if config is None else config
    return {
        "class_name": name,
        "config": config,
        "module": module,
        "registered_name": registered,
    }


def function(name, module="builtins"):
    return thing("function", module, name, name)


def whole(value):
    """A config that is another object altogether."""
    return edited(lambda config: value)


def compiled(**values):
    """A model compiled with other things."""

    def edit(config):
        config["compile_config"] = {**config["compile_config"], **values}

    return edited(edit, "unet")


def python_lambda():
    """What Keras writes for a lambda, of code that makes a file."""
    with warnings.catch_warnings(action="ignore"):
        return keras.saving.serialize_keras_object(lambda x: [open(CANARY, "w"), x][1])


def weights(edit, which="dense"):
    """Weights that `edit` has changed: a function of the open `h5py.File`."""

    def make(good, folder):
        file = io.BytesIO(parts(good[which])[WEIGHTS])
        with h5py.File(file, "r+") as opened:
            edit(opened)
        return changed(which, weights=file.getvalue())(good, folder)

    return make


def datasets(file):
    found = []
    file.visititems(
        lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) else None
    )
    return found


def value(number, place=0, which="dense"):
    """One number among the weights is another."""

    def edit(file):
        data = datasets(file)[place]
        data[(0,) * data.ndim] = number

    return weights(edit, which)


def replaced(make, place=0):
    """One array of the weights is replaced: `make(group, name, array)`."""

    def edit(file):
        data = datasets(file)[place]
        group, name, array = data.parent, data.name.split("/")[-1], data[()]
        del group[name]
        make(group, name, array)

    return weights(edit)


def created(**options):
    return replaced(lambda group, name, array: group.create_dataset(name, **options))


def virtual(group, name, array):
    layout = h5py.VirtualLayout(array.shape, array.dtype)
    layout[:] = h5py.VirtualSource("secret.h5", "x", array.shape)
    group.create_virtual_dataset(name, layout)


def deep(file):
    group = file
    for _ in range(100):
        group = group.create_group("g")


def loop(file):
    file["layers/again"] = file["layers"]


def removed(name):
    def edit(file):
        del file[name]

    return edit


def claimed(field, number):
    """A member whose entry in the table says another length."""

    def make(good, folder):
        content = bytearray(good["dense"])
        # The entry of the last member, the weights: 46 bytes and its name.
        start = content.rindex(b"PK\x01\x02")
        assert content[start + 46 :].startswith(WEIGHTS.encode())
        struct.pack_into("<I", content, start + field, number)
        return written(folder, bytes(content))

    return make


def flagged(good, folder):
    content = bytearray(good["dense"])
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    return written(folder, bytes(content))


def link(good, folder):
    info = zipfile.ZipInfo(CONFIG)
    info.external_attr = 0o120777 << 16
    members = parts(good["dense"])
    rest = [(name, members[name]) for name in (METADATA, WEIGHTS)]
    return written(folder, pack([(info, b"/etc/hostname"), *rest]))


def folder_with_config(good, folder):
    path = folder / "model.keras"
    path.mkdir()
    for name, content in parts(good["dense"]).items():
        (path / name).write_bytes(content)
    return path


def pipe(good, folder):
    os.mkfifo(folder / "model.keras")
    return folder / "model.keras"


def inside(edit):
    """Weights whose bytes are others, with the right checksum around them."""

    def make(good, folder):
        content = edit(parts(good["dense"])[WEIGHTS])
        return changed(weights=content)(good, folder)

    return make


def text(content):
    return changed(config=content.encode())


NOWHERE = {
    "missing": lambda good, folder: folder / "model.keras",
    "a folder": lambda good, folder: folder,
    "a folder like a model": folder_with_config,
    "a SavedModel": lambda good, folder: written(folder, b"", "saved_model.pb").parent,
    "a pipe": pipe,
    "None": lambda good, folder: None,
    "a number": lambda good, folder: 3,
    "a remote address": lambda good, folder: "hf://somebody/model",
    "a name with NUL": lambda good, folder: "model\0.keras",
    "another ending": lambda good, folder: written(folder, good["dense"], "model.zip"),
    "old HDF5": lambda good, folder: written(folder, b"\x89HDF\r\n\x1a\n", "model.h5"),
}

ARCHIVES = {
    "empty": lambda good, folder: written(folder, b""),
    "text": lambda good, folder: written(folder, b"Not found\n"),
    "random": lambda good, folder: written(folder, np.random.default_rng(0).bytes(5000)),
    "zeros": lambda good, folder: written(folder, bytes(5000)),
    "an archive of nothing": lambda good, folder: written(folder, pack([])),
    "no config": changed(config=None),
    "no metadata": changed(metadata=None),
    "no weights": changed(weights=None),
    "npz weights": added(("model.weights.npz", b"PK")),
    "assets": added(("assets/vocabulary.txt", b"a\nb\n")),
    "a path upwards": added(("../canary", b"x")),
    "a path upwards in assets": added(("assets/../../canary", b"x")),
    "an absolute path": added(("/tmp/canary", b"x")),
    "a path of Windows": added(("..\\canary", b"x")),
    "a link": link,
    "config twice": added((CONFIG, b"{}")),
    "weights twice": added((WEIGHTS, b"\x89HDF\r\n\x1a\n")),
    "a config that is a folder": added((f"{CONFIG}/", b"")),
    "compressed config": compressed(zipfile.ZIP_DEFLATED, [CONFIG]),
    "compressed weights": compressed(zipfile.ZIP_BZIP2, [WEIGHTS]),
    "lzma weights": compressed(zipfile.ZIP_LZMA, [WEIGHTS]),
    "weights that inflate": compressed(zipfile.ZIP_DEFLATED, [WEIGHTS], bytes(2**28)),
    "a config that inflates": compressed(zipfile.ZIP_DEFLATED, [CONFIG], b" " * 2**28),
    "a longer length": claimed(24, 2**32 - 2),
    "a shorter length": claimed(24, 10),
    "a longer stored length": claimed(20, 2**32 - 2),
    "another place": claimed(42, 10),
    "encrypted": flagged,
}

JSON = {
    "half a config": text('{"class_name": "Sequential", "config": {"na'),
    "a config in Latin": changed(config=b'{"class_name": "\xe9"}'),
    "NaN in the config": text('{"class_name": "Sequential", "config": {"x": NaN}}'),
    "infinity in the config": text('{"class_name": "Sequential", "config": {"x": 1e999}}'),
    "a name twice": text('{"class_name": "Sequential", "class_name": "Dense"}'),
    "deep lists": text("[" * 10**5 + "]" * 10**5),
    "deep objects": text('{"config":' * 500 + "1" + "}" * 500),
    "a number of 5000 digits": text(
        '{"class_name": "Dense", "config": ' + "9" * 5000 + "}"
    ),
    "a long config": changed(config=b'"' + b" " * 2**25 + b'"'),
    "an empty config": changed(config=b""),
    "null": text("null"),
    "a list": text("[1, 2]"),
    "a string": text('"Dense"'),
    "no class": text('{"config": {}}'),
    "a class without config": text('{"class_name": "Sequential", "module": "keras"}'),
    "a config that is a number": whole(thing("Sequential", "keras", 3)),
    "a class that is a number": whole(thing(3, "keras")),
    "metadata cut off": changed(metadata=b'{"keras_version": "3.1'),
    "metadata of another kind": changed(metadata=b"[]"),
    "metadata without version": changed(metadata=b'{"date_saved": "2026"}'),
}

CLASSES = {
    "os.system": whole(thing("system", "os", {"command": f"touch {CANARY}"})),
    "os.system as a layer": layer(thing("system", "os", {"command": f"touch {CANARY}"})),
    "os.system as a function": activation(function("system", "os")),
    "posix": layer(thing("system", "posix", f"touch {CANARY}", "system")),
    "a subprocess": layer(thing("Popen", "subprocess", {"args": ["touch", CANARY]})),
    "eval": activation(function("eval")),
    "exec": whole(thing("exec", "builtins", {"source": f"open('{CANARY}', 'w')"})),
    "open": layer(thing("open", "builtins", {"file": CANARY, "mode": "w"})),
    "pickle": activation(function("loads", "pickle")),
    "get_file": activation(function("get_file", "keras.utils")),
    "get_file by another way": activation(function("get_file", "keras.src.utils")),
    "load_model": activation(function("load_model", "keras.saving")),
    "unsafe loading": activation(function("enable_unsafe_deserialization", "keras.config")),
    "a Python lambda": lambda good, folder: activation(python_lambda())(good, folder),
    "Lambda": lambda good, folder: layer(
        thing("Lambda", "keras.layers", {"name": "l", "function": python_lambda()})
    )(good, folder),
    "Lambda of older Keras": layer(
        thing("Lambda", "keras.layers", {"function": ["4w==", None, None]})
    ),
    "a SavedModel": layer(thing("TFSMLayer", "keras.layers", {"filepath": "export"})),
    "Torch": layer(thing("TorchModuleWrapper", "keras.layers", {"module": "gASV"})),
    "a vocabulary from a file": layer(
        thing("StringLookup", "keras.layers", {"vocabulary": "/etc/hostname"})
    ),
    "an unknown class": whole(thing("Stranger", None, {}, "stranger>Stranger")),
    "an unknown layer": layer(thing("Stranger", "stranger", {})),
    "an optimizer": whole(thing("Adam", "keras.optimizers", {})),
    "a layer": whole(thing("Dense", "keras.layers", {"units": 3})),
    "an equation": whole(thing("HJB", None, {"dim": 3}, "kerasmodels>HJB")),
    "a function": whole(function("relu")),
    "another model": whole(
        thing("UNet", None, {"num_classes": 3, "width": 4}, "kerasmodels>UNet")
    ),
    "a loss of os": compiled(loss=function("system", "os")),
    "an optimizer of builtins": compiled(optimizer=thing("eval", "builtins", {})),
    "a metric that is a lambda": lambda good, folder: compiled(metrics=[python_lambda()])(
        good, folder
    ),
}

SIZES = {
    "a billion dimensions": edited(
        lambda c: c["config"]["equation"]["config"].update(dim=BIG), "global"
    ),
    "more dimensions": edited(
        lambda c: c["config"]["equation"]["config"].update(dim=10**4), "global"
    ),
    "a negative dimension": edited(
        lambda c: c["config"]["equation"]["config"].update(dim=-3), "global"
    ),
    "sampling of long paths": entry(
        "global", grid=None, num_steps=10**4, u0=None, z0=None, control="shared"
    ),
    "a million time steps": entry("global", grid=None, num_steps=10**6),
    "a wide network": edited(
        lambda c: c["config"]["control"]["config"].update(hidden=[10**4, 10**4]), "global"
    ),
    "a billion units": edited(lambda c: _layer(c).update(units=BIG)),
    "more units": edited(lambda c: _layer(c).update(units=10**4), "plain"),
    "many units": edited(
        lambda c: c["config"]["layers"].extend(
            thing("Dense", "keras.layers", {"name": f"d{k}", "units": 10**4})
            for k in range(3)
        ),
        "plain",
    ),
    "wide images": entry("unet", width=16000),
    "deep images": entry("unet", depth=64),
    "an array of long strings": layer(
        thing("__numpy__", "builtins", {"value": 0, "dtype": f"S{BIG}"})
    ),
}

WEIGHT_FILES = {
    "those of another model": lambda good, folder: changed(
        weights=parts(good["unet"])[WEIGHTS]
    )(good, folder),
    "no HDF5": changed(weights=b"weights"),
    "an empty member": changed(weights=b""),
    "half of HDF5": inside(lambda content: content[: len(content) // 2]),
    "HDF5 of nothing": weights(lambda file: file.clear()),
    "NaN": value(np.nan),
    "infinity": value(np.inf, 1),
    "minus infinity": value(-np.inf, 2, "unet"),
    "NaN in the last of all": value(np.nan, -1, "global"),
    "NaN in Adam's moments": weights(
        lambda file: file["optimizer/vars/3"].write_direct(
            np.full(file["optimizer/vars/3"].shape, np.nan, "float32")
        ),
        "global",
    ),
    "a layer missing": weights(removed("layers/hand_dense")),
    "an array missing": weights(removed("layers/hand_dense/vars/0")),
    "a group missing": weights(removed("control/blocks/container"), "global"),
    "other shapes": created(data=np.ones((5, 4), "float32")),
    "one number for all": created(data=np.float32(1.0)),
    "one row more": created(data=np.ones((5, 5), "float32")),
    "strings": created(data=np.full((4, 5), b"1.0")),
    "strings of any length": created(
        data=np.full((4, 5), "1.0", object), dtype=h5py.string_dtype()
    ),
    "complex numbers": created(data=np.ones((4, 5), "complex64")),
    "records": created(data=np.zeros((4, 5), [("a", "f4")])),
    "nothing at all": created(data=h5py.Empty("f4")),
    "a million squared": created(shape=(10**6, 10**6), dtype="f4"),
    "a million squared, in chunks": created(
        shape=(10**6, 10**6), dtype="f4", chunks=(1000, 1000), compression="gzip"
    ),
    "compressed zeros": created(data=np.zeros((2**13, 2**13), "f4"), compression="gzip"),
    "another file's": created(
        shape=(4, 5), dtype="f4", external=[("/etc/hostname", 0, 80)]
    ),
    "of a virtual array": replaced(virtual),
    "a link to another file": replaced(
        lambda group, name, array: group.__setitem__(
            name, h5py.ExternalLink("/etc/hostname", "/x")
        )
    ),
    "a link": replaced(
        lambda group, name, array: group.__setitem__(
            name, h5py.SoftLink("/layers/hand_dense_1/vars/0")
        )
    ),
    "a group in place of an array": replaced(
        lambda group, name, array: group.create_group(name)
    ),
    "a group within itself": weights(loop),
    "deep groups": weights(deep),
}

REFUSED = {
    "path": NOWHERE,
    "archive": ARCHIVES,
    "json": JSON,
    "class": CLASSES,
    "size": SIZES,
    "weights": WEIGHT_FILES,
}

# Made in the same way, of what is allowed: the cases fail for what is wrong with them.
LOADED = [
    changed(),
    edited(lambda config: None),
    activation(function("relu")),
    layer(thing("Dense", "keras.layers", {"name": "d", "units": 3})),
    compiled(loss="mae"),
    entry("global"),
    weights(lambda file: None),
    created(data=np.ones((4, 5), "float32")),
    value(0.5),
]
