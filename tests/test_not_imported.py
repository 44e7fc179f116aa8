"""Files of classes that are not imported: the error names the module, not damage."""

import keras
import numpy as np
import pytest

import kerasmodels
from kerasmodels import bsde
from kerasmodels._support import registered


def far_class(base, module, name="Far"):
    """A registered class as if it were from a module that is imported by nobody yet."""
    cls = type(name, (base,), {"__module__": module})
    return keras.saving.register_keras_serializable(package="far")(cls)


@pytest.fixture
def forget():
    """Takes classes out of Keras's registry, as in a process that never imported them."""
    taken = keras.saving.get_custom_objects()
    yield lambda: [taken.pop(name) for name in list(taken) if name.startswith("far>")]
    for name in list(taken):
        if name.startswith("far>"):
            taken.pop(name)


def saved(module, path):
    equation = far_class(bsde.Heat, module)(2)
    bsde.GlobalModel(equation, num_steps=1, u0=0.5, z0=0.0).save(path)
    return type(equation)


@pytest.mark.parametrize("load", [kerasmodels.load_model, keras.saving.load_model])
@pytest.mark.parametrize(
    "module, advice",
    [
        ("my.equations", r"Run `import my\.equations` before the file is loaded"),
        # Keras writes no module for what the script itself defined.
        ("__main__", "move it to a module of its own, and import that"),
    ],
)
def test_the_module_of_an_equation_is_named(load, module, advice, forget, tmp_path):
    path = tmp_path / "model.keras"
    cls = saved(module, path)
    forget()
    words = f"needs the class 'far>Far', which is not imported.*{advice}"
    with pytest.raises(ValueError, match=words) as error:
        load(path)
    assert "damaged" not in str(error.value)
    # What the advice amounts to.
    keras.saving.register_keras_serializable(package="far", name="Far")(cls)
    assert float(load(path).u0.numpy()) == 0.5


def test_the_module_of_a_layer_and_of_a_subnet_is_named(forget, tmp_path):
    cls = far_class(keras.layers.Dense, "my.layers")
    model = keras.Sequential([keras.Input((2,)), cls(2)])
    model.save(tmp_path / "z_001.keras")
    forget()
    words = "class 'far>Far', which is not imported. Run `import my.layers`"
    with pytest.raises(ValueError, match=words):
        kerasmodels.load_model(tmp_path / "z_001.keras")
    with pytest.raises(ValueError, match=words):
        bsde.load_subnets(tmp_path)


def test_what_a_config_lacks_is_found_wherever_it_stands():
    dense = keras.saving.serialize_keras_object(keras.layers.Dense(2, activation="relu"))
    known = keras.saving.serialize_keras_object(bsde.Heat(2))
    stranger = {
        "class_name": "Far",
        "module": "far.off",
        "config": {"dim": 2},
        "registered_name": "far>Far",
    }
    function = {**stranger, "class_name": "function", "config": "far>loss"}
    plain = {"class_name": "setosa", "array": np.ones(2).tolist()}
    assert registered.missing([dense, known, plain, {"x": None, "y": 3}]) is None
    for nested in ({"a": [dense, {"b": stranger}]}, {**known, "config": stranger}):
        found, advice = registered.missing(nested)
        assert "the class 'far>Far'" in found and "`import far.off`" in advice
    assert "the function 'far>loss'" in registered.missing(function)[0]
    with keras.saving.custom_object_scope({"far>Far": bsde.Heat}):
        assert registered.missing(stranger) is None
    # Saved by Keras without the decorator: an import alone would not help.
    bare = {**stranger, "registered_name": "Far"}
    assert "custom_object_scope({'Far': ...})" in registered.missing(bare)[1]
    with keras.saving.custom_object_scope({"Far": bsde.Heat}):
        assert registered.deserialize("test", bare).dim == 2
    # A file's own words go no further than names do.
    odd = {**stranger, "module": "os; import evil"}
    assert "evil" not in "".join(registered.missing(odd))


def test_damage_is_still_called_damage(tmp_path):
    path = tmp_path / "model.keras"
    bsde.GlobalModel(bsde.Heat(2), num_steps=1, u0=0.5, z0=0.0).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="damaged or changed"):
        kerasmodels.load_model(path)
