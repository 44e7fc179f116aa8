"""What all tests share: TensorFlow's settings, a clean Keras, the options of pytest."""

import gc
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# One process of pytest per core: more threads in each would only wait for each other.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import keras
import pytest
import tensorflow as tf  # noqa: F401 - imported before the objects below are frozen


def pytest_collection_finish():
    """Takes what the imports made out of reach of the garbage collector.

    `clear_session` collects garbage after each test. A collection visits each object that
    TensorFlow made at its import, which takes 0.2 s, unless these objects are frozen.
    """
    gc.collect()
    gc.freeze()
    # Tracing makes many objects that stay.
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(autouse=True)
def global_state():
    """Float type as shipped, and no growth of Keras's global state over the tests."""
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    yield
    keras.backend.clear_session()


@pytest.fixture
def all_float64():
    """Float64 everywhere: losses, optimizers and what `fit` makes of arrays too."""
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")


def pytest_addoption(parser):
    parser.addoption(
        "--kills",
        type=int,
        default=1,
        help="runs that tests/bsde/test_resume.py kills and resumes (default: 1)",
    )
