"""The one battery: what every public object must survive."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasmodels import bsde
from tests.public_objects import ALL, EQUATIONS, LAYERS, LOSSES, MODELS

CALLABLE = LAYERS + MODELS


def each(entries):
    return pytest.mark.parametrize(
        "entry", entries, ids=[f"{i}-{entry.name}" for i, entry in enumerate(entries)]
    )


def plain(config):
    """A config as JSON sees it, where a tuple is a list."""
    return json.loads(json.dumps(config))


@each(ALL)
def test_config_survives_json(entry):
    thing = entry.make()
    config = keras.saving.serialize_keras_object(thing)
    again = keras.saving.deserialize_keras_object(plain(config))
    assert type(again) is type(thing)
    assert plain(again.get_config()) == plain(thing.get_config())


@each(LAYERS)
def test_layer_keeps_the_shape_of_its_last_input(entry):
    assert entry.make()(*entry.inputs).shape == entry.inputs[-1].shape


@each(CALLABLE)
def test_gradient_reaches_every_trainable_weight(entry):
    layer = entry.make()
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(layer(*entry.inputs, training=True)))
    gradients = tape.gradient(loss, [w.value for w in layer.trainable_weights])
    for weight, gradient in zip(layer.trainable_weights, gradients):
        assert gradient is not None, weight.path
        # A bias before batch norm has none to receive; everything else must move.
        assert np.any(np.abs(gradient) > 0), weight.path


@each(CALLABLE)
def test_graph_and_xla_agree_with_eager(entry):
    layer = entry.make()
    eager = layer(*entry.inputs)
    for jit_compile in (False, True):
        compiled = tf.function(layer, jit_compile=jit_compile)(*entry.inputs)
        # float32 sums in another order
        np.testing.assert_allclose(compiled, eager, rtol=1e-4, atol=1e-5)


@each(CALLABLE)
def test_file_brings_back_the_same_function(entry, tmp_path):
    layer = entry.make()
    for weight in layer.weights:
        # Away from the initial values, which a loader might simply draw again.
        noise = np.random.default_rng(1).uniform(0.5, 1.5, weight.shape)
        weight.assign(weight + 0.1 * noise.astype("float32"))
    expected = layer(*entry.inputs)
    model = layer
    if not isinstance(layer, keras.Model):
        tensors = [keras.Input(value.shape[1:]) for value in entry.inputs]
        model = keras.Model(tensors, layer(*tensors))
    model.save(tmp_path / "thing.keras")
    loaded = keras.saving.load_model(tmp_path / "thing.keras")
    if model is layer:
        again = loaded(*entry.inputs)
    else:
        again = loaded(list(entry.inputs))
    np.testing.assert_array_equal(again, expected)


@each(MODELS)
@pytest.mark.parametrize("jit_compile", [False, True])
def test_model_fits_evaluates_and_predicts(entry, jit_compile):
    model, (x, dw, t) = entry.make(), entry.inputs[0]
    inputs = (x, dw, np.array(bsde.tile_times(t, len(x))))
    target = np.array(model.equation.terminal(x[:, -1]))
    model.compile("adam", loss="mse", jit_compile=jit_compile)
    before = model.evaluate(inputs, target, verbose=0)
    history = model.fit(inputs, target, epochs=20, verbose=0).history
    assert history["loss"][-1] < before
    assert len(history["u0"]) == 20
    assert model.predict(inputs, verbose=0).shape == (len(x), 1)


@each(LOSSES)
def test_loss_is_a_finite_scalar_and_zero_on_a_perfect_prediction(entry):
    loss = entry.make()
    assert np.isfinite(float(loss(*entry.inputs)))
    assert float(loss(entry.inputs[0], entry.inputs[0])) == 0.0


@each(EQUATIONS)
def test_equation_passes_its_own_check(entry):
    bsde.check_equation(entry.make())


@each(EQUATIONS)
@pytest.mark.parametrize("dim", [1, 2])
def test_equation_works_in_any_dimension(entry, dim):
    equation = type(entry.make())(dim=dim)
    bsde.check_equation(equation, num_points=8)
    reference = equation.reference()
    assert reference is None or np.isfinite(reference.value)
