"""Loading of model files that need not be trusted: whole and harmless, or refused."""

import contextlib
import math
import pathlib
import warnings

import keras
import tensorflow as tf

from kerasmodels._support import archive, checks, files, registered

_EXPECTED = "a model saved as .keras, as it was written"
# The limits of memory: bytes of variables for each byte of weights in the file, because
# Adam's moments and averages may be missing there; and bytes that every model may take.
_PER_BYTE, _FREE_BYTES = 8, 2**24


def load_model(path):
    """Loads a `.keras` file that need not be trusted.

    This is `keras.saving.load_model` in its safe mode, with further checks: it also refuses
    files that inflate in memory, sizes for which the file has no weights, weights that are
    NaN or infinite, links, assets, and models with parts that the file has no weights for.
    No code of the file runs, no other file is read or written, and memory stays in
    proportion to the length of the file. The outputs of a loaded model are only as
    trustworthy as its author.

    A SavedModel (`GlobalModel.export`) is a program: run only those that you trust.

    Args:
        path: str or path. The file of a model of this package, or of Keras layers and
            classes that are registered here. Models with assets (vocabularies) are refused.

    Returns:
        The `keras.Model`, compiled if it was.

    Raises:
        ValueError: there is no such file, its format is not that of Keras, a class in it
            may run code or is not registered (the error names the module to import), or its
            weights do not fit or are not finite.
    """
    owner = "load_model"
    _refuse_saved_model(owner, path)
    path = files.regular_file(owner, path, _EXPECTED)
    if path.suffix in (".h5", ".hdf5"):
        files.refuse(
            owner,
            path,
            _EXPECTED,
            "an HDF5 file of older Keras",
            "If you trust it, read it with Keras and save it anew: `from keras.models "
            f"import load_model; load_model({path.name!r}, compile=False)"
            f".save({path.with_suffix('.keras').name!r})`.",
        )
    if path.suffix != ".keras":
        files.refuse(owner, path, _EXPECTED, "a name that does not end in .keras")
    config = None
    try:
        config, num_bytes = archive.inspect(owner, path)
        limit = _FREE_BYTES + _PER_BYTE * num_bytes
        with _limited_variables(limit), warnings.catch_warnings():
            # Layers not built, or without weights in the file, would keep random weights.
            warnings.filterwarnings("error", message="Skipping nested container")
            warnings.filterwarnings("error", message="Model .* had a build config")
            model = keras.saving.load_model(path, safe_mode=True)
        if not isinstance(model, keras.Model):
            raise archive.Unfit(f"which holds a {type(model).__name__}, not a model")
        if not model.built:
            # Keras would load none of its weights, and give no warning.
            raise archive.Unfit("whose model has no weights yet, as it was never built")
    except checks.ArgumentError as error:
        if str(path) in str(error):
            raise
        found = f"which cannot be built ({str(error).rstrip('.')})"
        _refuse(path, _not_imported(config) or archive.Unfit(found), error)
    except archive.Unfit as error:
        _refuse(path, error, error)
    except Exception as error:
        # zipfile, h5py, json, Keras and every constructor raise errors of their own types.
        # Of nested errors the innermost has the cause.
        text = " ".join(str(error).split()).rpartition("Exception encountered: ")[2][:300]
        found = f"which cannot be loaded ({type(error).__name__}: {text})"
        _refuse(path, _not_imported(config) or archive.Unfit(found), error)
    return model


def _not_imported(config):
    """The `Unfit` for a file with a class that is not registered, or None."""
    unknown = registered.missing(config)
    return None if unknown is None else archive.Unfit(*unknown)


def _refuse_saved_model(owner, path):
    """Refuses a SavedModel folder, with the code that makes a network of it."""
    try:
        there = (pathlib.Path(path) / "saved_model.pb").is_file()
    except (TypeError, ValueError, OSError):
        return
    if there:
        files.refuse(
            owner,
            path,
            _EXPECTED,
            "a SavedModel folder, which is a program",
            "If you trust it, wrap it in a network of `dim` inputs: `layer = "
            f"keras.layers.TFSMLayer({pathlib.Path(path).name!r}, "
            'call_endpoint="serving_default"); x = keras.Input((dim,)); '
            "network = keras.Model(x, list(layer(x).values())[0])`.",
        )


def _refuse(path, unfit, cause):
    try:
        files.refuse("load_model", path, _EXPECTED, unfit.found, unfit.advice)
    except checks.ArgumentError as error:
        raise error from cause


@contextlib.contextmanager
def _limited_variables(limit):
    """Allows at most `limit` bytes of variables, counted before they are made."""
    total, unfit = (
        0,
        archive.Unfit(f"which describes more weights than it holds: over {limit} bytes"),
    )

    def create(make, **kwargs):
        nonlocal total
        total += _num_bytes(kwargs.get("initial_value"), kwargs.get("dtype"))
        if total > limit:
            raise unfit
        return make(**kwargs)

    try:
        with tf.variable_creator_scope(create):
            yield
    finally:
        # Keras may have turned the error into a warning.
        if total > limit:
            raise unfit


def _num_bytes(initial_value, dtype):
    """Bytes of a variable that Keras is about to make, or 0 where the shape is unknown."""
    candidates = [initial_value]
    # Keras passes a function without arguments, whose closure has the variable.
    for cell in getattr(initial_value, "__closure__", None) or ():
        candidates.append(cell.cell_contents)
    for candidate in candidates:
        shape = getattr(candidate, "shape", None)
        if shape is not None:
            return math.prod(shape) * tf.as_dtype(dtype or "float64").size
    return 0
