"""Files that were tampered with: refused, in one form, without a trace.

`pytest -rP` prints every case with its error, and n of n.
"""

import resource
import sys
import tempfile

import keras
import numpy as np
import pytest

import kerasmodels
from kerasmodels import bsde, by_hand, segmentation
from tests.bad_inputs import tampered
from tests.helpers import paths

KINDS = ("global", "dense", "unet")
# TensorFlow's own buffers come and go by a few dozen MB; the bombs are of 268 MB and more.
MOST_MEMORY = 150e6

_events = []
_watched = ("os.system", "subprocess.Popen", "socket.connect", "os.exec", "os.posix_spawn")
# A hook cannot be taken away again; this one only notes.
sys.addaudithook(
    lambda event, arguments: _events.append(event) if event in _watched else None
)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Trained models, as bytes."""
    model = bsde.GlobalModel(bsde.HJB(3), grid=[0.0, 0.3, 0.5, 1.0], terminal_skip=True)
    inputs = paths(model)
    unet = segmentation.UNet(3, width=4)
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 2)).astype("float32")
    made = {
        "global": (model, inputs, model.equation.terminal(inputs[0][:, -1])),
        "dense": (
            by_hand.dense_network([4, 5, 3], ["relu", "softmax"]),
            np.ones((2, 4), "float32"),
            np.eye(3, dtype="float32")[:2],
        ),
        "unet": (unet, images, np.zeros((2, 8, 8, 3), "float32")),
    }
    made["plain"] = (
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]),
        *made["dense"][1:],
    )
    contents = {}
    for kind, (model, x, y) in made.items():
        model.compile("adam", loss=by_hand.CrossEntropy() if kind == "dense" else "mse")
        model.fit(x, y, verbose=0)
        path = tmp_path_factory.mktemp("good") / "model.keras"
        model.save(path)
        contents[kind] = path.read_bytes()
    return contents


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder for the file, apart from where it is loaded and from temporary files."""
    for name in ("file", "work", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path


def load(path, place):
    """The model, or the error of its refusal; nothing else may happen either way."""
    before = set(place.rglob("*"))
    _events.clear()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        found = kerasmodels.load_model(path)
    except ValueError as error:
        found = str(error)
        assert found.startswith("`load_model` expects `path` to be "), found
        assert "Received: path=" in found and len(found) < 1000, found
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory)
    assert grown < MOST_MEMORY
    assert _events == []
    assert set(place.rglob("*")) == before
    return found


def count(cases, place, good, may_load=False):
    """Every case is refused, or where it may be loaded is the good model itself."""
    refused, wrong = 0, []
    for k, (name, make) in enumerate(cases.items()):
        (place / "file" / str(k)).mkdir()
        found = load(make(good, place / "file" / str(k)), place)
        print(f"{name}: {found}")
        if isinstance(found, str):
            refused += 1
        elif not may_load or not same(found, originals(good, place)[may_load]):
            wrong.append(name)
    print(f"{refused} of {len(cases)} refused, {len(cases) - refused} harmless")
    assert wrong == []
    return refused


# What is alike is one test: after each, Keras's state is cleared, which takes longer.
@pytest.mark.parametrize("kind", tampered.REFUSED)
def test_tampered_file_is_refused(kind, good, place):
    cases = tampered.REFUSED[kind]
    assert count(cases, place, good) == len(cases)


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_file_is_refused(kind, good, place):
    length = len(good[kind])
    ends = [*range(0, length, length // 10), length - 1]
    cases = {
        f"{kind} up to {end}": lambda good, folder, end=end: tampered.written(
            folder, good[kind][:end]
        )
        for end in ends
    }
    assert count(cases, place, good) == len(cases) >= 11


@pytest.mark.parametrize("kind", KINDS)
def test_flipped_bit_is_refused_or_harmless(kind, good, place):
    # Half of them anywhere, half in the table at the end of the archive.
    rng, cases = np.random.default_rng(0), {}
    table = good[kind].index(b"PK\x01\x02")
    for bit in range(24):
        at = rng.integers(table if bit % 2 else 0, len(good[kind]))

        def make(good, folder, at=at, bit=bit):
            content = bytearray(good[kind])
            content[at] ^= 1 << bit % 8
            return tampered.written(folder, bytes(content))

        cases[f"bit {bit % 8} of byte {at}"] = make
    assert count(cases, place, good, may_load=kind) >= 12


def test_change_with_the_right_checksum_stays_a_model(good, place):
    # Numbers may differ, which nobody can see; nothing else may.
    rng = np.random.default_rng(0)
    before = [w.shape for w in originals(good, place)["dense"].weights]
    for bit in range(24):
        at = rng.integers(len(tampered.parts(good["dense"])[tampered.WEIGHTS]))

        def flip(content, at=at, bit=bit):
            content = bytearray(content)
            content[at] ^= 1 << bit % 8
            return bytes(content)

        found = load(tampered.inside(flip)(good, place / "file"), place)
        if not isinstance(found, str):
            assert [w.shape for w in found.weights] == before
            assert all(np.all(np.isfinite(w)) for w in found.get_weights())


@pytest.mark.parametrize("kind", [*KINDS, "plain"])
def test_good_file_is_loaded_as_it_is(kind, good, place):
    path = tampered.written(place / "file", good[kind])
    assert same(load(path, place), originals(good, place)[kind])


def test_cases_are_otherwise_good(good, place):
    for k, make in enumerate(tampered.LOADED):
        (place / "file" / str(k)).mkdir()
        path = make(good, place / "file" / str(k))
        assert isinstance(load(path, place), keras.Model)


def originals(good, place):
    """The good models, loaded by Keras, once per test."""
    folder = place / "originals"
    if not folder.exists():
        folder.mkdir()
        _originals.clear()
        for kind, content in good.items():
            path = tampered.written(folder, content, f"{kind}.keras")
            _originals[kind] = keras.saving.load_model(path)
    return _originals


_originals = {}


def same(model, other):
    pairs = [
        *zip(model.get_weights(), other.get_weights(), strict=True),
        *zip(model.optimizer.variables, other.optimizer.variables, strict=True),
    ]
    return model.get_config() == other.get_config() and all(
        np.array_equal(a, b) for a, b in pairs
    )


def test_safe_mode_cannot_be_switched_off(good, place):
    """Not even by Keras's switch for the whole process."""
    cases = {name: m for name, m in tampered.CLASSES.items() if "ambda" in name}
    try:
        keras.config.enable_unsafe_deserialization()
        assert count(cases, place, good) == len(cases) == 4
    finally:
        # Keras has no public way back; this is where it keeps the switch.
        from keras.src.backend.common import global_state

        global_state.set_global_attribute("safe_mode_saving", None)
