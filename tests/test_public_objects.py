"""The list of public objects is complete, and holds nothing that is gone."""

import inspect

import keras
import pytest

import kerasmodels
from kerasmodels import (
    bsde,
    by_hand,
    descent,
    losses,
    miniflow,
    neurons,
    recurrent,
    segmentation,
)
from tests import public_objects

PACKAGES = [bsde, by_hand, descent, losses, miniflow, neurons, recurrent, segmentation]
PUBLIC = {name for package in PACKAGES for name in package.__all__}


def registered(kind=inspect.isclass):
    found = keras.saving.get_custom_objects().items()
    ours = {name: value for name, value in found if name.startswith("kerasmodels>")}
    return {name.partition(">")[2] for name in ours if kind(ours[name])}


def test_every_registered_object_is_in_the_battery():
    assert registered() == {entry.name for entry in public_objects.ALL}
    functions = {function.__name__ for function, _, _ in public_objects.FUNCTIONS}
    # The cost of `Well` is registered too, and tested with it.
    assert registered(inspect.isfunction) & PUBLIC == functions


def test_every_registered_object_is_public():
    assert registered() <= PUBLIC


def test_every_model_refuses_an_hdf5_file(tmp_path):
    found = keras.saving.get_custom_objects()
    classes = [found[f"kerasmodels>{name}"] for name in sorted(registered())]
    models = [cls for cls in classes if issubclass(cls, keras.Model)]
    assert len(models) >= len(public_objects.MODELS) // 2
    for cls in models:
        # The check of the name needs no model.
        with pytest.raises(ValueError, match="Use .keras"):
            cls.save(None, tmp_path / "model.h5")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_every_public_name_exists_and_is_documented(package):
    assert len(set(package.__all__)) == len(package.__all__)
    for name in package.__all__:
        thing = getattr(package, name)
        if isinstance(thing, dict):
            # A table; its docstring would be that of `dict`.
            continue
        # Its own: a class without one has that of its parent, and a dataclass its fields.
        text = vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__
        assert text and not text.startswith(f"{name}("), name


def test_every_package_is_reached_from_the_top():
    names = {package.__name__.split(".")[1] for package in PACKAGES}
    assert names | {"__version__", "load_model"} == set(kerasmodels.__all__)
