"""Surfaces and policies: the same numbers in Keras, ONNX, LiteRT and a SavedModel."""

import subprocess
import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from kerasmodels import bsde
from kerasmodels.bsde.plain_gradients import NoPlainGradient, gradient, strictly

SMALL = {"num_steps": 4, "max_rounds": 1, "num_paths": 64, "tolerance": 0.5}

# Each operation with a rule, as a function of x `[batch, 4]`.
CONSTANT = np.linspace(0.5, 2.0, 4, dtype="float32")
FUNCTIONS = {
    "tanh": ops.tanh,
    "sigmoid": ops.sigmoid,
    "sqrt": lambda x: ops.sqrt(ops.abs(x) + 1),
    "rsqrt": lambda x: tf.math.rsqrt(ops.abs(x) + 1),
    "reciprocal": lambda x: tf.math.reciprocal(x * x + 1),
    "relu": ops.relu,
    "softplus": tf.math.softplus,
    "elu": ops.elu,
    "add": lambda x: x[:, :1] + x + CONSTANT,
    "subtract": lambda x: x[:, 1:2] - x,
    "multiply": lambda x: x * x[:, 2:3],
    "divide": lambda x: x[:, :1] / (x * x + 1),
    "squared difference": lambda x: tf.math.squared_difference(x, x[:, :1]),
    "maximum": lambda x: ops.maximum(x, x[:, :1] + 0.1),
    "minimum": lambda x: ops.minimum(x, CONSTANT),
    "power": lambda x: ops.power(ops.abs(x) + 1, 2.5),
    "power of both": lambda x: ops.power(ops.abs(x) + 1, x[:, :1]),
    "where": lambda x: ops.where(x > 0, x**2, x[:, :1]),
    "sum": lambda x: ops.sum(x**2, axis=-1, keepdims=True) * x,
    "sum of all": lambda x: ops.sum(x**3, axis=1),
    "mean": lambda x: ops.mean(x**2, axis=-1, keepdims=True) * x,
    "max": lambda x: ops.max(x, axis=-1, keepdims=True) * x,
    "min": lambda x: ops.min(x**2, axis=1),
    "reshape": lambda x: ops.reshape(x, (-1, 2, 2)) * CONSTANT[:2],
    "squeeze": lambda x: ops.squeeze(x[:, :, None] ** 2, axis=-1),
    "transpose": lambda x: ops.transpose(ops.reshape(x, (-1, 2, 2)), (2, 0, 1)) ** 2,
    "broadcast": lambda x: tf.broadcast_to(x[None], (3, tf.shape(x)[0], 4)) ** 2,
    "tile": lambda x: tf.tile(x, (1, 2)) ** 2,
    "concatenate": lambda x: ops.concatenate([x**2, x[:, 1:3]], axis=-1) ** 2,
    "stack": lambda x: ops.stack([x**2, x], axis=1) ** 2,
    "gather": lambda x: tf.gather(x, [2, 0, 2], axis=-1) ** 2,
    "slice": lambda x: x[:, 1:-1] ** 2,
    "index": lambda x: x[:, -1] ** 2,
    "ellipsis": lambda x: x[..., 2:] ** 2,
    "new axis": lambda x: x[:, None, 1:] ** 2,
    "matmul": lambda x: ops.matmul(x, np.outer(CONSTANT, CONSTANT)) ** 2,
    "batch matmul": lambda x: tf.matmul(
        ops.reshape(x, (-1, 2, 2)), ops.reshape(x**2, (-1, 2, 2)), transpose_b=True
    ),
    "turned matmul": lambda x: tf.matmul(
        ops.reshape(x, (-1, 2, 2)), np.eye(2, dtype="float32")[None], transpose_a=True
    ),
    "exponential": lambda x: ops.exp(x) + ops.log(x * x + 1) + ops.abs(x) + ops.sin(x),
    "erf": ops.erf,
    "split": lambda x: ops.split(x, 2, axis=-1)[1] ** 2,
    "uneven split": lambda x: tf.split(x, [1, 3], axis=-1)[1] ** 2,
    "unstack": lambda x: ops.stack(tf.unstack(x, axis=1)[1:3], axis=1) ** 2,
    "entropy": lambda x: tf.math.xlogy(x * x + 1, x * x + 1),
    "twice the same": lambda x: ops.stack([x**2, x**2], axis=1),
    "einsum": lambda x: tf.einsum("bi,bi->b", x, x),
    "unused": lambda x: ops.ones_like(x) * CONSTANT,
}
# Operations of TensorFlow alone.
FOREIGN = ("Grad", "BroadcastGradientArgs", "ConcatOffset", "DynamicStitch")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_plain_gradient_equals_that_of_a_tape(name):
    function = FUNCTIONS[name]

    @tf.function(input_signature=[tf.TensorSpec((None, 4))], autograph=False)
    def plain(x):
        y = function(x)
        return gradient(y, x, tf.sin(y))

    x = np.random.default_rng(0).normal(size=(7, 4)).astype("float32")
    with tf.GradientTape() as tape:
        variable = tf.Variable(x)
        y = function(tf.convert_to_tensor(variable))
    expected = tape.gradient(y, variable, tf.sin(y), unconnected_gradients="zero")
    # Sums in another order.
    np.testing.assert_allclose(plain(x), expected, rtol=1e-5, atol=1e-5)
    graph = plain.get_concrete_function().graph
    types = {op.type for op in graph.get_operations()}
    foreign = [name for name in types if name.endswith(FOREIGN)]
    # `xlogy` has no rule, and keeps the gradient of TensorFlow.
    assert bool(foreign) == (name == "entropy")


@pytest.mark.parametrize(
    "function",
    [
        lambda x: ops.mean(x, axis=0, keepdims=True) * x,
        lambda x: x[1:] ** 2,
        lambda x: x[:, ::2] ** 2,
        tf.nn.leaky_relu,
    ],
)
def test_gradient_without_a_plain_form_is_refused_in_a_file_alone(function):
    @tf.function(input_signature=[tf.TensorSpec((None, 4))], autograph=False)
    def plain(x):
        return gradient(function(x), x)

    x = tf.constant(np.random.default_rng(0).normal(size=(7, 4)).astype("float32"))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    np.testing.assert_allclose(plain(x), tape.gradient(y, x), rtol=1e-5, atol=1e-6)
    strict = tf.function(
        plain.python_function, input_signature=plain.input_signature, autograph=False
    )
    with strictly(), pytest.raises(NoPlainGradient, match="batch|stride|Grad"):
        strict.get_concrete_function()


@keras.saving.register_keras_serializable(package="test_deploy")
class Root(bsde.Heat):
    """g = |x|^(1/2), whose slope is infinite at 0."""

    def __init__(self):
        super().__init__(1)

    def terminal(self, x):
        return ops.sqrt(ops.abs(x))


def points(count, equation, seed=0):
    """Times and states of an equation, and its parameters where it has them."""
    rng = np.random.default_rng(seed)
    t = rng.uniform(0.3, 0.95, size=(count, 1)) * equation.terminal_time
    x = np.array(equation.sample_start((seed, 0), count, "float64"))
    own = equation.dim - equation.num_parameters
    x[:, :own] *= 1 + 0.05 * rng.normal(size=(count, own))
    parts = (t, x[:, :own]) + ((x[:, own:],) if equation.num_parameters else ())
    return tuple(part.astype("float32") for part in parts)


@pytest.fixture(scope="module")
def basket():
    option = bsde.GeometricBasketCall(2)
    ranges = {"strike": (90.0, 110.0), "volatility": (0.1, 0.3)}
    family = bsde.Family(option, bsde.BoxStart(90.0, 110.0), ranges)
    return bsde.solve(family, "regression", **SMALL)


@pytest.fixture(scope="module")
def hjb():
    return bsde.solve(bsde.HJB(7, x0=1.0), "regression", **SMALL)


@pytest.mark.parametrize("name", ["basket", "hjb"])
def test_surface_and_policy_are_the_solution_at_any_time(name, request):
    solution = request.getfixturevalue(name)
    surface, policy = solution.surface(), solution.policy()
    inputs = points(6, solution.equation)
    t, x = inputs[0], np.concatenate(inputs[1:], axis=1)
    approximation = solution.approximation
    rows = [
        solution.equation.value_and_z(
            approximation.u,
            tf.constant(t[k : k + 1], approximation.dtype),
            tf.constant(x[k : k + 1], approximation.dtype),
        )
        for k in range(6)
    ]
    u, z = (np.concatenate(values) for values in zip(*rows))
    for got, expected in (
        (surface(inputs), u),
        (surface.predict(inputs, verbose=0), u),
        (policy(inputs), z),
        (policy.predict(inputs, verbose=0), z),
    ):
        scale = np.max(np.abs(expected))
        # float32 of values that cancel in part.
        np.testing.assert_allclose(got, expected, rtol=0, atol=2e-5 * scale)


def test_surface_survives_a_file(basket, tmp_path):
    surface, inputs = basket.surface(), points(6, basket.equation)
    assert surface.parameter_names == ["strike", "volatility"]
    surface.save(tmp_path / "surface.keras")
    loaded = keras.saving.load_model(tmp_path / "surface.keras")
    np.testing.assert_array_equal(loaded(inputs), surface(inputs))


RUN_ONNX = """
import sys
import numpy, onnxruntime
arrays = numpy.load(sys.argv[1])
session = onnxruntime.InferenceSession(sys.argv[2])
inputs = {name: arrays[name] for name in arrays}
numpy.save(sys.argv[3], session.run(None, inputs)[0])
assert "tensorflow" not in sys.modules and "keras" not in sys.modules
"""


def run_onnx(path, inputs):
    """The output of an ONNX file in a process without TensorFlow."""
    folder = path.parent
    names = ("t", "x", "parameters")
    np.savez(folder / "inputs.npz", **dict(zip(names, inputs)))
    files = [folder / "inputs.npz", path, folder / "output.npy"]
    subprocess.run([sys.executable, "-c", RUN_ONNX, *map(str, files)], check=True)
    return np.load(folder / "output.npy")


def run_litert(path, inputs):
    interpreter = tf.lite.Interpreter(str(path))
    operations = {row["op_name"] for row in interpreter._get_ops_details()}
    assert not [name for name in operations if name.startswith("Flex")]
    run = interpreter.get_signature_runner()
    (output,) = run(**dict(zip(("t", "x", "parameters"), inputs))).values()
    return output


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
@pytest.mark.parametrize("kind", ["surface", "policy"])
@pytest.mark.parametrize("name", [pytest.param("basket", marks=pytest.mark.slow), "hjb"])
def test_exported_files_give_the_same_numbers(name, kind, request, tmp_path):
    solution = request.getfixturevalue(name)
    model = getattr(solution, kind)()
    # A batch of another size than any that was traced.
    inputs = points(5, solution.equation)
    expected = np.asarray(model(inputs))
    model.export(tmp_path / "model.onnx", format="onnx")
    model.export(tmp_path / "model.tflite", format="litert")
    model.export(tmp_path / "saved")
    saved = tf.saved_model.load(tmp_path / "saved")
    found = {
        "onnx": run_onnx(tmp_path / "model.onnx", inputs),
        "litert": run_litert(tmp_path / "model.tflite", inputs),
        "saved": saved.serve(list(inputs)),
    }
    scale = np.max(np.abs(expected))
    for output in found.values():
        np.testing.assert_allclose(output, expected, rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize("control", ["stacked", "shared", "exchangeable"])
def test_policy_of_networks_is_their_z(control, tmp_path):
    equation = bsde.HJB(3, x0=0.5)
    model = bsde.GlobalModel(equation, num_steps=5, control=control, terminal_skip=True)
    policy = bsde.Policy(model.approximation.point_function())
    t = np.repeat(np.float32([0.2, 0.6, 0.4, 0.8]), 3)[:, None]
    x = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")
    z = model.z(t, x)
    np.testing.assert_allclose(policy((t, x)), z, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(policy.predict((t, x), verbose=0), z, rtol=1e-5, atol=1e-6)
    policy.save(tmp_path / "policy.keras")
    loaded = keras.saving.load_model(tmp_path / "policy.keras")
    np.testing.assert_array_equal(loaded((t, x)), policy((t, x)))
    # At T it is the terminal gradient.
    end = np.ones_like(t)
    _, last = equation.terminal_and_z(end, tf.constant(x))
    np.testing.assert_allclose(policy((end, x)), last, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("control", ["stacked", "exchangeable"])
def test_policy_of_networks_runs_in_onnx(control, tmp_path):
    equation = bsde.HJB(3, x0=0.5)
    model = bsde.GlobalModel(equation, num_steps=5, control=control, terminal_skip=True)
    policy = bsde.Policy(model.approximation.point_function())
    inputs = points(4, equation)
    policy.export(tmp_path / "policy.onnx", format="onnx")
    found = run_onnx(tmp_path / "policy.onnx", inputs)
    np.testing.assert_allclose(found, policy(inputs), rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
@pytest.mark.parametrize("bounds", [None, (-0.2, 0.1)])
def test_optimal_control_runs_in_onnx_and_litert(bounds, tmp_path):
    problem = bsde.LinearQuadratic(2)
    # Newton's method in place of the closed form.
    problem.optimal_control = types.MethodType(bsde.ControlProblem.optimal_control, problem)
    problem.control_bounds = bounds
    function = bsde.RegressionFunction(problem, [0.0, 0.5, 1.0], 1, num_random=4)
    shape = function.coefficients.shape
    function.coefficients.assign(np.random.default_rng(0).normal(size=shape))
    policy, inputs = bsde.Policy(function), points(5, problem)
    expected = policy(inputs)
    assert np.any(np.abs(expected) > 0.01)
    policy.export(tmp_path / "policy.onnx", format="onnx")
    policy.export(tmp_path / "policy.tflite", format="litert")
    for found in (
        run_onnx(tmp_path / "policy.onnx", inputs),
        run_litert(tmp_path / "policy.tflite", inputs),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_kink_in_the_terminal_condition_leaves_z_finite():
    function = bsde.RegressionFunction(Root(), [0.0, 0.5, 1.0], 1, num_random=0)
    function.coefficients.assign(np.ones(function.coefficients.shape))
    t, x = np.float32([[0.7]]), np.zeros((1, 1), "float32")
    policy = bsde.Policy(function)
    assert np.all(np.isfinite(policy((t, x))))
    assert np.all(np.isfinite(policy.predict((t, x), verbose=0)))


def test_solution_without_u_has_no_surface():
    solution = bsde.solve(bsde.Heat(2), "monte_carlo", num_steps=4, tolerance=0.5)
    with pytest.raises(ValueError, match=r'solve\(equation, "regression"\)'):
        solution.surface()
    with pytest.raises(ValueError, match=r'solve\(equation, "regression"\)'):
        solution.policy()


def test_missing_package_is_named(tmp_path, monkeypatch):
    def export(*args, **kwargs):
        raise ModuleNotFoundError("No module named 'tf2onnx'")

    monkeypatch.setattr(keras.Model, "export", export)
    function = bsde.RegressionFunction(bsde.Heat(2), [0.0, 0.5, 1.0], 1, 3)
    with pytest.raises(ImportError, match=r"tf2onnx.*pip install '.\[onnx\]'"):
        bsde.Surface(function).export(tmp_path / "model.onnx", format="onnx")


def test_one_time_step_leaves_the_terminal_condition():
    equation = bsde.Heat(2)
    function = bsde.RegressionFunction(equation, [0.0, 1.0], 1, num_random=0)
    # u(T) = mean + deviation (g - mean) / deviation, as a regression ends.
    weights = np.zeros(function.coefficients.shape)
    weights[-1, :2] = 1.0
    function.coefficients.assign(weights)
    t, x = points(4, equation)
    u = bsde.Surface(function)((t, x))
    np.testing.assert_allclose(u, equation.terminal(tf.constant(x)), rtol=1e-6)


def test_inputs_of_another_shape_are_refused(basket):
    with pytest.raises(ValueError, match=r"parameters \(batch, 2\)"):
        basket.surface()((np.zeros((3, 1)), np.zeros((3, 2))))


def test_z_of_a_model_takes_one_time_or_one_state():
    equation = bsde.HJB(3, x0=0.5)
    model = bsde.GlobalModel(equation, num_steps=5, control="stacked")
    x = np.random.default_rng(0).normal(size=(9, 3)).astype("float32")
    t = np.float32([0.9, 0.1, 0.5, 0.3, 1.0, 0.0, 0.61, 0.59, 0.2])[:, None]
    whole = tf.function(model.z)(tf.constant(t), tf.constant(x))
    np.testing.assert_allclose(model.z(t, x), whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(model.z(0.5, x), model.z(np.full((9, 1), 0.5), x))
    repeated = model.z(t, np.tile(x[0], (9, 1)))
    np.testing.assert_array_equal(model.z(t[:, 0], x[0]), repeated)
    # A tape sees through it.
    with tf.GradientTape() as tape:
        state = tf.Variable(x)
        total = tf.reduce_sum(model.z(0.5, state))
    assert np.any(np.abs(tape.gradient(total, state)) > 0)
