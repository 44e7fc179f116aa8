"""Keras models: `kerasmodels.bsde` solves parabolic PDEs, the rest is a zoo of networks."""

import keras

from kerasmodels._version import __version__

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "`kerasmodels` needs Keras on its TensorFlow backend. Received: "
        f"keras.backend.backend()={keras.backend.backend()!r}. Set the environment "
        'variable KERAS_BACKEND=tensorflow (or "backend" in ~/.keras/keras.json) '
        "before Keras is imported."
    )

# The backend is checked first.
from kerasmodels import (  # noqa: E402
    bsde,
    by_hand,
    descent,
    losses,
    miniflow,
    neurons,
    recurrent,
    segmentation,
)
from kerasmodels.loading import load_model  # noqa: E402

__all__ = [
    "__version__",
    "bsde",
    "by_hand",
    "descent",
    "load_model",
    "losses",
    "miniflow",
    "neurons",
    "recurrent",
    "segmentation",
]
