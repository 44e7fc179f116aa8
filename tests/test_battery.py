"""The one battery: what every public object must survive."""

import inspect
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasmodels
from kerasmodels import bsde
from tests.public_objects import (
    ALL,
    EQUATIONS,
    FUNCTIONS,
    LAYERS,
    LOSSES,
    METRICS,
    MODELS,
)

CALLABLE = LAYERS + MODELS


def each(entries):
    return pytest.mark.parametrize(
        "entry", entries, ids=[f"{i}-{entry.name}" for i, entry in enumerate(entries)]
    )


def plain(config):
    """A config as JSON sees it, where a tuple is a list."""
    return json.loads(json.dumps(config))


def arguments(thing):
    """The names of the arguments that make such a thing."""
    found = inspect.signature(type(thing).__init__).parameters.values()
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = {p.name for p in found if p.kind in named} - {"self"}
    # Keras leaves the float type out of the config of every loss.
    return names - {"dtype"} if isinstance(thing, keras.losses.Loss) else names


@each(ALL)
def test_config_survives_json(entry):
    thing = entry.make()
    # A config that forgets an argument would come back equal to itself.
    assert arguments(thing) <= set(thing.get_config())
    config = keras.saving.serialize_keras_object(thing)
    again = keras.saving.deserialize_keras_object(plain(config))
    assert type(again) is type(thing)
    assert plain(again.get_config()) == plain(thing.get_config())


@each(LAYERS)
def test_layer_keeps_the_shape_of_its_last_input(entry):
    assert entry.make()(*entry.inputs).shape == entry.inputs[-1].shape


def flat(outputs):
    """The outputs as one list, whatever their structure."""
    return keras.tree.flatten(outputs)


@each([entry for entry in CALLABLE if entry.has_gradient])
def test_gradient_reaches_every_trainable_weight(entry):
    layer = entry.make()
    with tf.GradientTape() as tape:
        outputs = flat(layer(*entry.inputs, training=True))
        # A softmax sums to one: powers of it do not.
        loss = tf.add_n([tf.reduce_mean(tf.square(value)) for value in outputs])
    gradients = tape.gradient(loss, [w.value for w in layer.trainable_weights])
    for weight, gradient in zip(layer.trainable_weights, gradients):
        assert gradient is not None, weight.path
        # A bias before batch norm has none to receive; everything else must move.
        # That of a table of which rows are taken is sparse.
        assert np.any(np.abs(tf.convert_to_tensor(gradient)) > 0), weight.path


@each(CALLABLE)
def test_graph_and_xla_agree_with_eager(entry):
    layer = entry.make()
    eager = layer(*entry.inputs)
    for jit_compile in (False, True):
        compiled = tf.function(layer, jit_compile=jit_compile)(*entry.inputs)
        for value, expected in zip(flat(compiled), flat(eager), strict=True):
            # float32 sums in another order
            np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5)


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
    for value, before in zip(flat(again), flat(expected), strict=True):
        np.testing.assert_array_equal(value, before)


@pytest.mark.parametrize(
    "function, y_true, y_pred", FUNCTIONS, ids=[f.__name__ for f, _, _ in FUNCTIONS]
)
@pytest.mark.parametrize("load", [keras.saving.load_model, kerasmodels.load_model])
def test_a_function_that_is_a_loss_comes_back(load, function, y_true, y_pred, tmp_path):
    layers = [keras.Input(y_pred.shape[1:]), keras.layers.Dense(y_pred.shape[-1])]
    model = keras.Sequential(layers)
    model.compile("sgd", loss=function, metrics=[function])
    model.save(tmp_path / "thing.keras")
    loaded = load(tmp_path / "thing.keras")
    assert loaded.loss is function
    value = loaded.compute_loss(None, y_true, y_pred)
    # Keras takes the mean over the batch, in float32.
    expected = np.mean(function(y_true, y_pred))
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    logs = loaded.compute_metrics(None, y_true, y_pred)
    np.testing.assert_allclose(logs[function.__name__], expected, rtol=1e-6)


def fits():
    """Each model without and with XLA.

    Tracing some trainings takes seconds, and compiling them under XLA more. `make test`
    fits one model of each family, and under XLA a `GlobalModel` and a `HandNetwork`.
    """
    seen = set()
    # The last of a family is the quickest, but for `GlobalModel`.
    for index, entry in reversed(list(enumerate(MODELS))):
        family = entry.name.replace("GRU", "").replace("LSTM", "").replace("SimpleRNN", "")
        first = family not in seen
        seen.add(family)
        for jit_compile in (False, True):
            quick = entry.name in ("GlobalModel", "HandNetwork") if jit_compile else True
            yield pytest.param(
                entry,
                jit_compile,
                marks=[] if first and quick else pytest.mark.slow,
                id=f"{index}-{entry.name}{'-xla' * jit_compile}",
            )


@pytest.mark.parametrize("entry, jit_compile", list(fits()))
def test_model_fits_evaluates_and_predicts(entry, jit_compile):
    model, inputs = entry.make(), entry.inputs[0]
    x, y = entry.data(model, inputs) if callable(entry.data) else (inputs, entry.data)
    model.compile(keras.optimizers.Adam(1e-2), loss=entry.loss, jit_compile=jit_compile)
    before = model.evaluate(x, y, verbose=0, return_dict=True)["loss"]
    history = model.fit(x, y, epochs=5, verbose=0).history
    # The step function need not get better; everything else must.
    if entry.has_gradient:
        assert history["loss"][-1] < before
    for name in entry.logs:
        assert len(history[name]) == 5
    direct = flat(model(x))
    for value, expected in zip(flat(model.predict(x, verbose=0)), direct, strict=True):
        assert value.shape == tuple(expected.shape)
        assert len(value) == len(flat(x)[0])
    if callable(entry.data):
        assert [tuple(value.shape) for value in direct] == [(len(y), 1)]
    assert np.all(np.isfinite(history["loss"]))


@each(LOSSES)
def test_loss_is_a_finite_scalar_and_zero_on_a_perfect_prediction(entry):
    loss = entry.make()
    assert np.isfinite(float(loss(*entry.inputs)))
    assert 0.0 <= float(loss(entry.inputs[0], entry.inputs[0])) <= entry.least


@each(METRICS)
def test_metric_accumulates_resets_and_is_one_on_a_perfect_prediction(entry):
    metric = entry.make()
    metric.update_state(entry.inputs[0], entry.inputs[0])
    assert all(float(value) == 1.0 for value in flat(metric.result()))
    metric.update_state(*entry.inputs)
    both = [float(value) for value in flat(metric.result())]
    assert all(0.0 < value < 1.0 for value in both)
    metric.reset_state()
    metric.update_state(*entry.inputs)
    assert all(float(v) < w for v, w in zip(flat(metric.result()), both))


@each(EQUATIONS)
def test_equation_passes_its_own_check(entry):
    bsde.check_equation(entry.make())


@each(EQUATIONS)
@pytest.mark.parametrize("dim", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_equation_works_in_any_dimension(entry, dim):
    equation = type(entry.make())(dim=dim)
    bsde.check_equation(equation, num_points=8)
    reference = equation.reference()
    assert reference is None or np.isfinite(reference.value)
