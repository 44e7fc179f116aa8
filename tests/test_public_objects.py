"""The list of public objects is complete, and holds nothing that is gone."""

import keras

import kerasmodels
from kerasmodels import bsde
from tests import public_objects


def registered():
    names = keras.saving.get_custom_objects()
    return {n.split(">")[1] for n in names if n.startswith("kerasmodels>")}


def test_every_registered_object_is_in_the_battery():
    assert registered() == {entry.name for entry in public_objects.ALL}


def test_every_registered_object_is_public():
    assert registered() <= set(bsde.__all__)


def test_every_public_name_exists_and_is_documented():
    for name in bsde.__all__:
        if name != "EQUATIONS":
            assert getattr(bsde, name).__doc__, name
    assert kerasmodels.__version__
