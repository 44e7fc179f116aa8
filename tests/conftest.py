import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import pytest


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
        default=5,
        help="runs that tests/bsde/test_resume.py kills and resumes (default: 5)",
    )
