"""A `GlobalModel` as a SavedModel that runs where this package is not installed."""

import keras
import tensorflow as tf

from kerasmodels._support.files import replacing


def export_saved_model(model, filepath, verbose=False, **kwargs):
    """Writes `model` to the folder `filepath` with three named signatures.

    Args:
        model: `GlobalModel`.
        filepath: str or path.
        verbose: bool. Whether Keras prints the signatures.
        **kwargs: passed on to `ExportArchive.write_out`.

    Raises:
        FileExistsError: `filepath` is a folder that holds something else than an export.
    """
    times, dtype = model.num_steps + 1, model.variable_dtype
    dim, noise_dim = model.equation.dim, model.equation.noise_dim

    def spec(name, *shape):
        return tf.TensorSpec((None, *shape), dtype, name=name)

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serving_default",
        lambda x, dw, t: {"u": model((x, dw, t), training=False)},
        input_signature=[
            spec("x", times, dim),
            spec("dw", times - 1, noise_dim),
            spec("t", times, 1),
        ],
    )
    archive.add_endpoint(
        "u0",
        lambda: {
            "u0": tf.convert_to_tensor(model.u0),
            "z0": tf.convert_to_tensor(model.z0),
        },
        input_signature=[],
    )
    archive.add_endpoint(
        "z",
        lambda t, x: {"z": model.z(t, x)},
        input_signature=[spec("t", 1), spec("x", dim)],
    )
    with replacing(filepath, mark="saved_model.pb") as temporary:
        archive.write_out(str(temporary), verbose=bool(verbose), **kwargs)
