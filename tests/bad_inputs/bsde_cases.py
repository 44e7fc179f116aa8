"""The bad inputs of `kerasmodels.bsde`."""

import keras
import numpy as np
from keras import ops

from kerasmodels import bsde
from tests.bad_inputs.corpus import LEFT_OUT, Lazy, entry
from tests.bad_inputs.kinds import (
    ARRAY,
    BOOLEAN,
    COUNT,
    COUNT_OR_ZERO,
    FLOAT,
    GRID,
    INF,
    NAN,
    NOT_NEGATIVE,
    POINT,
    POSITIVE,
    SEED,
    SEED_PAIR,
    Near,
    arrays,
    holes,
    instance_of,
    name_of,
    optional,
    plus,
)


class NoDriver(bsde.Heat):
    driver = None


class NoNumbers(bsde.Heat):
    def driver(self, t, x, u, z):
        return "u"


class LostAxis(bsde.Heat):
    def driver(self, t, x, u, z):
        return ops.sum(z * z, axis=-1)


class WholeBatch(bsde.Heat):
    def driver(self, t, x, u, z):
        return ops.sum(u)


class GivesNothing(bsde.Heat):
    def driver(self, t, x, u, z):
        pass


class TakesLess(bsde.Heat):
    def driver(self, t, x, u):
        return u


class Double(bsde.Heat):
    def driver(self, t, x, u, z):
        return ops.cast(u, "float16")


class FlatTerminal(bsde.Heat):
    def terminal(self, x):
        return ops.sum(x, axis=-1)


class NoTerminal(bsde.Heat):
    terminal = 3


class ScalarNoise(bsde.Heat):
    def diffusion_prod(self, t, x, dw):
        return ops.sum(dw, axis=-1, keepdims=True)


class NoNoise(bsde.Heat):
    diffusion_prod = None


class WideDrift(bsde.Heat):
    def drift(self, t, x):
        return ops.concatenate([x, x], axis=-1)


class LostStep(bsde.Heat):
    def step(self, t, dt, x, dw):
        return x[:, 0]


# The errors name the method.
BROKEN = {
    NoDriver: "driver",
    NoNumbers: "driver",
    LostAxis: "driver",
    WholeBatch: "driver",
    GivesNothing: "driver",
    TakesLess: "driver",
    Double: "driver",
    FlatTerminal: "terminal",
    NoTerminal: "terminal",
    ScalarNoise: "diffusion_prod",
    NoNoise: "diffusion_prod",
    WideDrift: "drift",
    LostStep: "step",
}


class Forgetful(bsde.Heat):
    """Does not say what it was made with."""

    def __init__(self, dim, rate=0.1):
        super().__init__(dim)


class Unsavable(bsde.Heat):
    def __init__(self, dim, rate=None):
        super().__init__(dim)
        self.rate = np.sin


class Moving(bsde.Heat):
    def __init__(self, dim, rate=1.0):
        super().__init__(dim)
        self.rate = rate + 1.0


class Flipped(bsde.Burgers):
    def driver(self, t, x, u, z):
        return -super().driver(t, x, u, z)


class NotFinite(bsde.Heat):
    def driver(self, t, x, u, z):
        return 0 * u - np.inf


class MixedPaths(bsde.Heat):
    def driver(self, t, x, u, z):
        return u - ops.mean(u)


class NotLinear(bsde.Heat):
    def diffusion_prod(self, t, x, dw):
        return dw + ops.square(dw)


class NumpyDriver(bsde.Heat):
    def driver(self, t, x, u, z):
        return ops.convert_to_tensor(np.sin(np.asarray(u)))


# What only the check before a solve can see, and a word of its error.
MISTAKEN = {
    Forgetful: "`rate`",
    Unsavable: "cannot be saved",
    Moving: "its own config",
    Flipped: "sign of the driver",
    NotFinite: "not finite",
    MixedPaths: "mixes the paths",
    NotLinear: "not linear",
    NumpyDriver: "compiled graph",
}


class NotKeras:
    """Called like a network, and none."""

    def __call__(self, x):
        return x


class OtherShape(keras.layers.Layer):
    def call(self, t, x, training=False):
        return x[..., :1]


# Paths of ones start at its x0.
HEAT = bsde.Heat(2, x0=1.0)
EQUATION = instance_of(bsde.Heat)
FUNCTION = bsde.RegressionFunction(HEAT, [0.0, 0.5, 1.0], 1, 3)
MODEL = Lazy(lambda: bsde.GlobalModel(HEAT, num_steps=3, control="shared", u0=1.0, z0=0.0))
STACKED = Lazy(lambda: bsde.GlobalModel(HEAT, num_steps=3, u0=1.0, z0=0.0))
SUBNETS = Lazy(lambda: [bsde.ZSubnet(2), bsde.ZSubnet(2, seed=1)])
DTYPE = name_of(Near("float_32", "float32"), "int32", "float16")
LABELS = name_of(Near("path-wise", "pathwise"))
CONTROL = [
    *name_of(Near("share", "shared"), Near("stack", "stacked")),
    [],
    [NotKeras(), NotKeras()],
    [None, None],
]
NO_NUMBERS = ["a", None, [], {}, object(), NAN, INF, [NAN], [[1.0], [2.0, 3.0]], [[[1.0]]]]
NO_START = [3, "box", [0.0], {}, object(), bsde.BoxStart]
NO_RANGE = [
    3,
    "a",
    (1.0,),
    (2.0, 3.0),
    (1.0, 1.0),
    (NAN, 2.0),
    ("a", 2.0),
    (2.0, 0.5),
    None,
]
NO_SAMPLER = [None, 3, [], object(), lambda seed, count: "a", lambda seed, count: 1.0]
HIDDEN = [3, "16", [0], [-1], [1.5], [None], ["4"], [[4]], [NAN], {}, object(), np.ones(2)]
ACTIVATION = name_of("rellu")[2:]
NETWORK = {
    "dim": (2, COUNT),
    "hidden": ([3], HIDDEN),
    "activation": ("relu", ACTIVATION),
    "batch_norm": (False, BOOLEAN),
    "seed": (0, SEED),
    "standardized": (False, BOOLEAN),
    "noise_dim": (3, optional(COUNT)),
}
OPTIMIZER = [3, "adam", [], {}, object(), keras.optimizers.Adam]
# Of any terminal time.
OWN_TIMES = [value for value in GRID if not np.array_equal(value, [0.0, 0.5])]
DEEP_BSDE = {
    "control": (None, optional(CONTROL)),
    "hidden": (None, HIDDEN),
    "frozen": (False, plus(BOOLEAN, True)),
    "rule": ("left", name_of(Near("trapez", "trapezoid"))),
    "importance_sampling": (None, optional(BOOLEAN)),
    "steps": (1, optional(COUNT)),
    "batch_size": (2, optional(COUNT)),
    "learning_rate": (None, optional(POSITIVE)),
    "optimizer": (None, OPTIMIZER),
    "max_rounds": (1, COUNT),
    "dtype": ("float32", DTYPE),
}
DEEP_BSDE_ALONE = {
    **DEEP_BSDE,
    "subnets": (None, [3, "z", ["z.keras"], [None], [HEAT], {}, object(), [NotKeras()]]),
}
RUN = {
    "callbacks": ((), [3, "callback", [None], [3], object()]),
    "verbose": (0, ["loud", 7, None, object()]),
    "progress": (None, optional(BOOLEAN)),
}
FOLDER = [None, 3, 1.5, [], {}, object(), b"folder"]


class NoPDE:
    """The rest of an equation whose forward SDE is in question."""

    def driver(self, t, x, u, z):
        return 0 * u

    def terminal(self, x):
        return x[:, :1]


def of_process(cls, **parameters):
    """An entry of a forward SDE in two dimensions, as an equation."""
    whole = type(cls.__name__, (NoPDE, cls), {})
    common = {"terminal_time": (1.0, POSITIVE)}
    return entry(f"bsde.{cls.__name__}", whole, **common, **parameters)


def several(kind, *values):
    """The kind of a number, or one for each of two coordinates."""
    single = [v for v in kind if not (hasattr(v, "__len__") and np.shape(v) == (2,))]
    return [*single, [1.0], np.ones(3), [1.0, NAN], [1.0, "2"], *values]


CORRELATION = [*ARRAY[1:], np.ones((2, 3)), np.eye(3), 2 * np.eye(2), [[1, 2], [2, 1]], 1.0]
NOISE = {
    "volatility": ([0.2, 0.3], several(POSITIVE, [1.0, -1.0], np.ones((3, 2)))),
    "correlation": ([[1.0, 0.5], [0.5, 1.0]], CORRELATION),
}
NONNEGATIVE = several(NOT_NEGATIVE, [1.0, -1.0])
FORWARD = Lazy(lambda: bsde.curve([0.0, 1.0], [0.1, 0.2]))
NOT_FORWARD = [
    *instance_of(bsde.Curve),
    bsde.curve([0.0, 1.0], [0.1, 0.2], "constant"),
    bsde.curve([0.0], [[0.1, 0.2]]),
]


def of_equation(cls, **parameters):
    """An entry of an equation in two dimensions."""
    common = {
        "dim": (2, COUNT),
        "terminal_time": (1.0, POSITIVE),
        "x0": (1.0, [*POINT, None] if cls is not bsde.BlackScholesBarenblatt else POINT),
    }
    return entry(f"bsde.{cls.__name__}", cls, **common, **parameters)


def geometric(cls, **parameters):
    parameters.setdefault("drift_rate", (0.0, FLOAT))
    parameters.setdefault("volatility", (0.2, POSITIVE))
    found = of_equation(cls, **parameters)
    found.bad["x0"] = plus(found.bad["x0"], 0.0, -1.0, [1.0, 0.0])
    return found


def sampled(**changes):
    """Inputs of a model of three steps in two dimensions, one of them changed."""
    return {
        "x": np.ones((5, 4, 2), "float32"),
        "dw": np.ones((5, 3, 2), "float32"),
        "t": np.float32([0, 1 / 3, 2 / 3, 1]),
        **changes,
    }


def inputs(**changes):
    return tuple(sampled(**changes).values())


BAD_INPUTS = [
    None,
    "paths",
    3,
    {},
    (),
    inputs()[:2],
    inputs() + (1,),
    inputs()[0],
    *(inputs(x=bad) for bad in arrays((5, 3, 2), (5, 4), (5, 4, 3), (4, 4, 2), (0, 4, 2))),
    *(inputs(dw=bad) for bad in arrays((5, 4, 2), (5, 3), (5, 3, 3), (4, 3, 2), ())),
    *(inputs(t=bad) for bad in arrays((3,), (5, 4), (5, 3, 1), (4, 4, 1), (5, 4, 2), ())),
    *(inputs(x=bad) for bad in holes(5, 4, 2)),
    *(inputs(dw=bad) for bad in holes(5, 3, 2)),
    *(inputs(t=bad) for bad in holes(4)),
    tuple(np.ones((0, *value.shape[1:])) for value in inputs(t=np.ones((5, 4, 1)))),
]

HISTORY = {"step": [], "loss": [], "u0": []}
ENTRIES = [
    entry(
        "bsde.time_grid",
        bsde.time_grid,
        terminal_time=(1.0, POSITIVE),
        num_steps=(3, COUNT),
    ),
    entry(
        "bsde.tile_times",
        bsde.tile_times,
        grid=([0.0, 1.0], arrays((), (2, 1), (0,), more=holes(2))),
        batch_size=(2, COUNT),
        dtype=(None, optional(DTYPE)),
    ),
    entry(
        "bsde.sample_paths",
        bsde.sample_paths,
        equation=(HEAT, EQUATION),
        num_steps=(3, COUNT),
        batch_size=(2, COUNT),
        seed=(0, SEED_PAIR),
        dtype=(None, optional(DTYPE)),
    ),
    *(
        entry(
            f"bsde.sample_paths.{cls.__name__}",
            bsde.sample_paths,
            words={"equation": f"`{method}`"},
            equation=(HEAT, [cls(2)]),
            num_steps=(3, []),
            batch_size=(2, []),
            seed=(0, []),
        )
        for cls, method in BROKEN.items()
    ),
    entry(
        "bsde.path_dataset",
        bsde.path_dataset,
        equation=(HEAT, EQUATION),
        num_steps=(3, COUNT),
        batch_size=(2, COUNT),
        seed=(0, SEED),
        start_step=(0, COUNT_OR_ZERO),
        num_batches=(1, optional(COUNT)),
        dtype=(None, optional(DTYPE)),
        jitter=(False, BOOLEAN),
        share=(None, [3, "0", (), (0,), (1, 1), (0, 0), (0.5, 2), (None, 2), ([], 2)]),
    ),
    entry(
        "bsde.path_dataset.broken",
        bsde.path_dataset,
        words={"equation": "Received"},
        equation=(HEAT, [cls(2) for cls in BROKEN]),
        num_steps=(3, []),
        batch_size=(2, []),
    ),
    # The times in place of their number: never both, and never neither.
    *(
        entry(
            f"bsde.{name}.grid",
            getattr(bsde, name),
            works=works,
            words={"num_steps": "`grid`"},
            equation=(HEAT, []),
            grid=([0.0, 0.5, 1.0], plus(GRID, *more)),
            num_steps=(LEFT_OUT, [2, 3]),
            **arguments,
        )
        for name, works, more, arguments in (
            ("sample_paths", True, [], {"batch_size": (2, []), "seed": (0, [])}),
            ("path_dataset", True, [], {"batch_size": (2, [])}),
            ("z_samples", True, [[0.0, 1.0]], {"num_paths": (2, [])}),
            ("pretrain_subnets", False, [[0.0, 1.0]], {"folder": ("subnets", [])}),
            ("GlobalModel", True, [], {"u0": (1.0, []), "z0": (0.0, [])}),
            ("distributed_paths", True, [], {"batch_size": (2, [])}),
        )
    ),
    entry(
        "bsde.solve.grid",
        bsde.solve,
        works=False,
        words={"num_steps": "`grid`"},
        equation=(HEAT, []),
        grid=([0.0, 0.5, 1.0], optional(GRID)),
        num_steps=(LEFT_OUT, [2]),
    ),
    entry(
        "bsde.squared_norm",
        bsde.squared_norm,
        x=(np.ones((2, 3)), [None, "text", object(), 3.0, ["a"], {}]),
    ),
    entry(
        "bsde.check_equation",
        bsde.check_equation,
        equation=(HEAT, EQUATION),
        num_points=(2, COUNT),
        seed=(0, SEED),
    ),
    entry(
        "bsde.check_equation.broken",
        bsde.check_equation,
        works=False,
        words={"equation": "Received"},
        equation=(HEAT, [cls(2) for cls in BROKEN]),
    ),
    entry(
        "bsde.is_exchangeable",
        bsde.is_exchangeable,
        equation=(HEAT, EQUATION),
        num_points=(2, COUNT),
        seed=(0, SEED),
    ),
    entry("bsde.default_settings", bsde.default_settings, equation=(HEAT, EQUATION)),
    entry(
        "bsde.baseline",
        bsde.baseline,
        equation=(HEAT, EQUATION),
        num_steps=(2, COUNT),
        seed=(0, SEED),
        num_paths=(4, COUNT),
    ),
    entry(
        "bsde.z_samples",
        bsde.z_samples,
        equation=(HEAT, EQUATION),
        num_steps=(3, plus(COUNT, 1)),
        num_paths=(2, COUNT),
        seed=(0, SEED_PAIR),
        labels=("exact", LABELS),
        dtype=(None, optional(DTYPE)),
    ),
    entry(
        "bsde.z_samples.without solution",
        bsde.z_samples,
        equation=(bsde.AllenCahn(2), []),
        num_steps=(3, []),
        num_paths=(2, []),
        labels=("pathwise", ["exact"]),
    ),
    entry(
        "bsde.fit_subnets",
        bsde.fit_subnets,
        works=False,
        x=(np.ones((4, 2, 2)), arrays((4, 2), (3, 2, 2), (0, 2, 2), more=holes(4, 2, 2))),
        z=(np.ones((4, 2, 2)), arrays((4, 2), (4, 3, 2), (0, 2, 2), more=holes(4, 2, 2))),
        epochs=(1, COUNT),
        batch_size=(2, COUNT),
        learning_rate=(1e-3, POSITIVE),
        seed=(0, SEED),
        hidden=([3], HIDDEN),
        activation=("relu", ACTIVATION),
        batch_norm=(False, BOOLEAN),
        dtype=("float32", optional(DTYPE[:-1])),
    ),
    entry(
        "bsde.pretrain_subnets",
        bsde.pretrain_subnets,
        works=False,
        equation=(HEAT, EQUATION),
        num_steps=(3, plus(COUNT, 1)),
        folder=("subnets", FOLDER),
        num_paths=(4, COUNT),
        seed=(0, SEED),
        labels=(None, optional(LABELS)),
        epochs=(1, COUNT),
        batch_size=(2, COUNT),
        learning_rate=(1e-3, POSITIVE),
        hidden=([3], HIDDEN),
    ),
    entry(
        "bsde.save_subnets",
        bsde.save_subnets,
        works=False,
        subnets=(SUBNETS, [None, 3, "z", [], [None], ["z"], {}, object()]),
        folder=("subnets", FOLDER),
    ),
    entry(
        "bsde.load_subnets",
        bsde.load_subnets,
        works=False,
        folder=("none", [*FOLDER, "none", (), [3], [None], [[]], [bsde.ZSubnet(2)]]),
    ),
    entry("bsde.ZSubnet", bsde.ZSubnet, **NETWORK),
    entry("bsde.SharedControl", bsde.SharedControl, **NETWORK),
    entry("bsde.StackedControl", bsde.StackedControl, num_times=(2, COUNT), **NETWORK),
    entry(
        "bsde.StackedControl.from_subnets",
        bsde.StackedControl.from_subnets,
        subnets=(
            SUBNETS,
            [None, 3, "z", [], [None], object(), [keras.layers.Dense(2)]],
        ),
    ),
    entry(
        "bsde.PerStepControl",
        bsde.PerStepControl,
        subnets=(SUBNETS, [None, 3, "z", [], (), [None], ["z"], {}, [NotKeras()], [HEAT]]),
    ),
    entry(
        "bsde.PerStepControl.fresh",
        bsde.PerStepControl.fresh,
        num_times=(2, COUNT),
        dim=(2, COUNT),
        seed=(0, SEED),
        hidden=([3], HIDDEN),
    ),
    entry(
        "bsde.ExchangeableControl",
        bsde.ExchangeableControl,
        dim=(2, COUNT),
        times=([0.3, 0.6], arrays((), (2, 2), (0,), (2,), more=[[0.6, 0.3], *holes(2)])),
        width=(4, COUNT),
        features=(0, COUNT_OR_ZERO),
        seed=(0, SEED),
        standardized=(False, BOOLEAN),
    ),
    entry(
        "bsde.LayerControl",
        bsde.LayerControl,
        layer=(OtherShape(), [None, 3, "layer", [], {}, object(), NotKeras(), OtherShape]),
    ),
    entry(
        "bsde.ExactControl",
        bsde.ExactControl,
        equation=(HEAT, plus(EQUATION, bsde.AllenCahn(2))),
    ),
    entry(
        "bsde.Discounted",
        bsde.Discounted,
        equation=(HEAT, EQUATION),
        rate=(2.0, FLOAT),
    ),
    entry(
        "bsde.Family",
        bsde.Family,
        words={"parameters": "expects"},
        equation=(HEAT, EQUATION),
        start=(bsde.BoxStart(-1.0, 1.0), [*NO_START, bsde.BoxStart([0.0] * 3, 1.0)]),
        parameters=(None, [3, "a", [1.0], *[{"terminal_time": v} for v in NO_RANGE]]),
    ),
    *(
        entry(
            f"bsde.{cls.__name__}",
            cls,
            words={k: "expects" for k in (first, second)},
            **{first: (good[0], NO_NUMBERS), second: (good[1], [*NO_NUMBERS, *bad])},
        )
        for cls, first, second, good, bad in (
            (bsde.BoxStart, "low", "high", (0.0, 1.0), [-1.0, [1.0, -1.0]]),
            (bsde.LineStart, "first", "last", (0.0, 1.0), [0.0]),
            (bsde.NormalStart, "mean", "deviation", (0.0, 1.0), [-1.0]),
            (bsde.LogNormalStart, "median", "deviation", (1.0, 1.0), [-1.0]),
        )
    ),
    entry(
        "bsde.PointsStart",
        bsde.PointsStart,
        points=([[0.0, 1.0]], [*NO_NUMBERS, 1.0, [1.0, 2.0]]),
    ),
    entry(
        "bsde.SampledStart",
        bsde.SampledStart,
        sampler=(lambda seed, count: np.ones((count, 2)), NO_SAMPLER),
    ),
    entry(
        "bsde.TerminalSkip",
        bsde.TerminalSkip,
        num_times=(2, optional(COUNT)),
        width=(4, COUNT),
        seed=(0, SEED),
        mean=(0.0, FLOAT),
        scale=(1.0, POSITIVE),
        terminal_time=(1.0, POSITIVE),
    ),
    entry(
        "bsde.RegressionFunction",
        bsde.RegressionFunction,
        equation=(HEAT, EQUATION),
        grid=([0.0, 0.5, 1.0], GRID),
        first=(1, [None, 2, -1, "a", 0.5, []]),
        num_random=(3, [*COUNT_OR_ZERO, 10**15]),
        own=(None, [3, [], object()]),
    ),
    entry(
        "bsde.NetworkFunction",
        bsde.NetworkFunction,
        equation=(HEAT, EQUATION),
        grid=([0.0, 0.5, 1.0], GRID),
        control=(None, [3, "shared", [], object(), bsde.SharedControl]),
        terminal_skip=(None, [3, True, [], object(), bsde.TerminalSkip]),
    ),
    *(
        entry(
            f"bsde.{cls.__name__}",
            cls,
            function=(FUNCTION, [*instance_of(bsde.PointFunction), HEAT, *more]),
        )
        for cls, more in (
            (bsde.Surface, [bsde.NetworkFunction(HEAT, [0.0, 1.0], None)]),
            (bsde.Policy, []),
        )
    ),
    entry(
        "bsde.Surface.call",
        lambda inputs: bsde.Surface(FUNCTION)(inputs),
        words={"inputs": "`Surface`"},
        inputs=(
            (np.ones((3, 1)), np.ones((3, 2))),
            [3, [], (np.ones((3, 1)),), (np.ones(3), np.ones((3, 2)))],
        ),
    ),
    entry(
        "bsde.Surface.export",
        lambda filepath, format: bsde.Surface(FUNCTION).export(filepath, format),
        works=False,
        filepath=("model", FOLDER),
        format=("onnx", name_of(Near("onxx", "onnx"), "pdf")),
    ),
    entry(
        "bsde.GlobalModel",
        bsde.GlobalModel,
        words={"control": "Received"},
        equation=(HEAT, EQUATION),
        num_steps=(3, COUNT),
        control=("shared", [*CONTROL, OtherShape()]),
        terminal_skip=(False, BOOLEAN),
        train_control=(True, BOOLEAN),
        rule=("left", name_of(Near("trapez", "trapezoid"), "euler")),
        iterated_integrals=(False, BOOLEAN),
        importance_sampling=(False, BOOLEAN),
        u0=(1.0, optional(FLOAT)),
        z0=(0.0, POINT),
        scales=(
            (1.0, 1.0),
            [3, "ab", 1.0, (1.0,), (1.0, 2.0, 3.0), (0.0, 1.0), (1.0, -1.0), (1.0, NAN)]
            + [(None, 1.0), ("1", "2"), {}, object(), (INF, 1.0)],
        ),
        seed=(0, SEED),
        dtype=("float32", optional(DTYPE[:-1])),
    ),
    entry(
        "bsde.GlobalModel.broken",
        bsde.GlobalModel,
        words={"equation": "Received", "control": "control"},
        equation=(HEAT, [cls(2) for cls in BROKEN]),
        num_steps=(3, []),
        control=(
            "shared",
            [
                bsde.StackedControl(1, 2),
                bsde.SharedControl(3),
                bsde.ExchangeableControl(3, [0.3, 0.6]),
                bsde.ZSubnet(2),
            ],
        ),
        terminal_skip=(False, [bsde.TerminalSkip(5)]),
        u0=(1.0, []),
        z0=(0.0, []),
    ),
    entry(
        "bsde.GlobalModel.call",
        lambda inputs: MODEL.get()(inputs),
        words={"inputs": "`GlobalModel`"},
        inputs=(inputs(), BAD_INPUTS),
    ),
    entry(
        "bsde.GlobalModel.trajectory",
        lambda inputs: STACKED.get().trajectory(inputs),
        words={"inputs": "`GlobalModel`"},
        # Each of its networks belongs to one time.
        inputs=(inputs(), [*BAD_INPUTS, inputs(t=[0, 0.1, 0.2, 1]), inputs(t=-np.ones(4))]),
    ),
    entry(
        "bsde.GlobalModel.predict",
        lambda x: MODEL.get().predict(x, verbose=0),
        words={"x": "`GlobalModel`"},
        x=(inputs(), BAD_INPUTS),
    ),
    entry(
        "bsde.GlobalModel.fit",
        lambda x, y: fitted(x, y),
        words={"x": "`GlobalModel`"},
        x=(inputs(), BAD_INPUTS),
        y=(np.ones((5, 1)), arrays((5,), (5, 2), (4, 1), (), more=holes(5, 1))),
    ),
    entry(
        "bsde.GlobalModel.z",
        lambda t, x: MODEL.get().z(t, x),
        t=(np.ones((5, 1)), arrays((4,), (5, 2), (4, 1), (5, 1, 1))),
        x=(np.ones((5, 2)), arrays((5,), (5, 3), (4, 2), ())),
    ),
    entry(
        "bsde.GlobalModel.set_u0", lambda value: MODEL.get().set_u0(value), value=(1, FLOAT)
    ),
    entry(
        "bsde.GlobalModel.train_control",
        lambda value: setattr(MODEL.get(), "train_control", value),
        words={"value": "`train_control`"},
        value=(True, BOOLEAN),
    ),
    entry(
        "bsde.GlobalModel.export",
        lambda filepath: MODEL.get().export(filepath),
        works=False,
        filepath=("export", FOLDER),
    ),
    entry(
        "bsde.estimate_u0",
        bsde.estimate_u0,
        works=False,
        model=(MODEL, [None, 3, "model", HEAT, bsde.GlobalModel, object()]),
        num_paths=(8, COUNT),
        num_steps=(4, [3, *optional(COUNT)]),
        importance_sampling=(True, BOOLEAN),
        tolerance=(0.1, optional(POSITIVE)),
        chunk_size=(8, optional(COUNT)),
        seed=(0, SEED),
    ),
    entry(
        "bsde.estimate_u0.stacked",
        bsde.estimate_u0,
        works=False,
        model=(STACKED, []),
        num_steps=(3, [2, 5, 6]),
    ),
    entry(
        "bsde.train",
        bsde.train,
        works=False,
        model=(MODEL, [None, 3, "model", HEAT, keras.Sequential(), object()]),
        steps=(1, COUNT),
        batch_size=(2, COUNT),
        learning_rate=(0.01, POSITIVE),
        seed=(0, SEED),
        history=(HISTORY, [3, [], {}, {"step": []}, "history", object()]),
        checkpointer=(None, [3, "checkpointer", [], {}, object()]),
        num_points=(1, COUNT),
        jitter=(True, BOOLEAN),
        optimizer=(None, OPTIMIZER),
    ),
    entry(
        "bsde.solve",
        bsde.solve,
        works=False,
        equation=(HEAT, EQUATION),
        method=(
            "deep_bsde",
            [*optional(name_of(Near("monte-carlo", "monte_carlo"))), bsde.Heat],
        ),
        tolerance=(1e-3, POSITIVE),
        num_paths=(1, optional(COUNT)),
        seed=(0, SEED),
        run=(None, [3, "run", {}, object(), bsde.Run]),
        num_steps=(3, optional(COUNT)),
        subnets=(None, [[]]),
        **DEEP_BSDE,
        **RUN,
    ),
    entry(
        "bsde.DeepBSDE", bsde.DeepBSDE, num_steps=(3, optional(COUNT)), **DEEP_BSDE_ALONE
    ),
    entry(
        "bsde.MonteCarlo",
        bsde.MonteCarlo,
        num_steps=(3, optional(COUNT)),
        dtype=("float32", DTYPE),
    ),
    entry(
        "bsde.Regression",
        bsde.Regression,
        num_steps=(3, optional(COUNT)),
        num_paths_per_pass=(100, [1, 63, *optional(COUNT)]),
        num_random=(3, COUNT_OR_ZERO),
        features=(None, [3, "features", [], {}, object(), lambda t, x: x]),
        max_rounds=(1, COUNT),
        dtype=("float32", DTYPE),
    ),
    *(
        entry(
            f"bsde.{method.__name__}.grid",
            method,
            grid=([0.0, 0.5, 1.0], optional(OWN_TIMES)),
            num_steps=(LEFT_OUT, [3]),
        )
        for method in (bsde.DeepBSDE, bsde.MonteCarlo, bsde.Regression)
    ),
    entry(
        "bsde.Run",
        bsde.Run,
        checkpoints=(None, [value for value in FOLDER if value is not None]),
        checkpoint_every=(200, COUNT),
        resume=(False, plus(BOOLEAN, True)),
        **RUN,
    ),
    entry(
        "bsde.solve.contradictions",
        bsde.solve,
        works=False,
        words={"equation": "Received", "subnets": "networks"},
        equation=(HEAT, [cls(2) for cls in BROKEN]),
        num_steps=(3, []),
        control=("exchangeable", []),
        hidden=(None, [[4]]),
        subnets=(None, [[bsde.ZSubnet(2)]]),
    ),
    entry(
        "bsde.solve.layer",
        bsde.solve,
        works=False,
        words={"control": "control"},
        equation=(HEAT, []),
        num_steps=(3, []),
        # A layer of x alone, a stack for other times or another dimension.
        control=(
            OtherShape(),
            [OtherShape(), bsde.StackedControl(3, 2), bsde.StackedControl(2, 3)],
        ),
        hidden=(None, [[4]]),
    ),
    entry(
        "bsde.solve.schedule",
        bsde.solve,
        works=False,
        equation=(HEAT, []),
        optimizer=(bsde.decaying_adam(0.01, 10), []),
        learning_rate=(None, [0.01, 1]),
    ),
    *(
        entry(
            f"bsde.{function.__name__}.{cls.__name__}",
            function,
            works=False,
            words={"equation": words},
            equation=(HEAT, [cls(2)]),
        )
        for cls, words in MISTAKEN.items()
        for function in (bsde.check_equation, bsde.solve)
    ),
    entry(
        "bsde.decaying_adam",
        bsde.decaying_adam,
        learning_rate=(0.01, POSITIVE),
        steps=(10, COUNT),
    ),
    entry(
        "bsde.clipped_squared_error",
        bsde.clipped_squared_error,
        y_true=(np.ones((3, 1)), arrays((2, 1), (3,), (3, 2))),
        y_pred=(np.ones((3, 1)), arrays((2, 1), (3,), (3, 2))),
        threshold=(1.0, POSITIVE),
    ),
    entry("bsde.ClippedSquaredError", bsde.ClippedSquaredError, threshold=(1.0, POSITIVE)),
    entry(
        "bsde.ClippedSquaredError.call",
        lambda y_true, y_pred: bsde.ClippedSquaredError()(y_true, y_pred),
        y_true=(np.ones((3, 1)), [np.ones((2, 1)), np.ones((3, 2))]),
        y_pred=(np.ones((3, 1)), [np.ones((2, 1)), np.ones((3, 2))]),
    ),
    entry(
        "bsde.curve",
        bsde.curve,
        times=(
            [0.0, 1.0],
            [*ARRAY, [], [1.0, 0.0], [0.0, 0.0], [[0.0, 1.0]], 1.0, [NAN, 1]],
        ),
        values=([0.1, 0.2], [*ARRAY, [], [1.0], [1.0, NAN], np.ones((2, 1, 1)), 1.0]),
        kind=("linear", name_of(Near("liner", "linear"))),
    ),
    entry(
        "bsde.Curve",
        bsde.Curve,
        words={"times": "`times`"},
        times=([0.0, 1.0], [*ARRAY, [], [1.0, 0.0]]),
        values=([0.1, 0.2], [*ARRAY, [], [1.0]]),
        kind=("linear", name_of(Near("constent", "constant"))),
    ),
    entry(
        "bsde.Curve.call",
        lambda t: bsde.curve([0.0, 1.0], [0.1, 0.2])(t),
        t=(np.ones((3, 1)), [None, "text", 1.0, np.ones(3), np.ones((3, 2)), {}]),
    ),
    of_process(
        bsde.CorrelatedGeometricBrownian,
        dim=(2, COUNT),
        x0=(1.0, plus(POINT, None, 0.0, [1.0, -1.0])),
        drift_rate=([0.0, 0.1], several(FLOAT)),
        **NOISE,
    ),
    of_process(
        bsde.OrnsteinUhlenbeck,
        dim=(2, COUNT),
        x0=(1.0, plus(POINT, None)),
        reversion=(1.0, several(FLOAT)),
        level=(FORWARD, several(FLOAT, bsde.curve([0.0], [[1.0, 2.0, 3.0]]))),
        **NOISE,
    ),
    of_process(
        bsde.HullWhite,
        forward=(FORWARD, NOT_FORWARD),
        reversion=(0.1, FLOAT),
        volatility=(0.1, POSITIVE),
    ),
    of_process(
        bsde.CoxIngersollRoss,
        dim=(2, COUNT),
        x0=(1.0, plus(POINT, None, -1.0)),
        reversion=(1.0, NONNEGATIVE),
        level=(1.0, NONNEGATIVE),
        **NOISE,
    ),
    of_process(
        bsde.Heston,
        x0=((1.0, 0.1), plus(POINT, None, (0.0, 0.1), (1.0, -0.1))),
        drift_rate=(0.1, FLOAT),
        reversion=(1.0, NOT_NEGATIVE),
        level=(0.1, NOT_NEGATIVE),
        vol_of_vol=(0.3, POSITIVE),
        correlation=(-0.5, plus(FLOAT, 1.1, -2.0)),
    ),
    of_equation(bsde.HJB, control_cost=(1.0, POSITIVE)),
    of_equation(bsde.AllenCahn),
    of_equation(bsde.Burgers),
    of_equation(bsde.QuadraticGradient, exponent=(0.4, POSITIVE)),
    of_equation(
        bsde.ReactionDiffusion, kappa=(0.6, FLOAT), wave_number=(0.7, optional(FLOAT))
    ),
    of_equation(bsde.HurePhamWarin),
    of_equation(
        bsde.LinearQuadratic,
        growth=(0.5, FLOAT),
        attraction=(1.0, FLOAT),
        volatility=(1.0, POSITIVE),
        state_cost=(1.0, POSITIVE),
        control_cost=(1.0, POSITIVE),
        terminal_cost=(1.0, NOT_NEGATIVE),
    ),
    of_equation(bsde.Heat),
    geometric(
        bsde.BlackScholesBarenblatt,
        drift_rate=(LEFT_OUT, []),
        rate=(0.05, FLOAT),
    ),
    geometric(
        bsde.BlackScholesBasket,
        drift_rate=(LEFT_OUT, []),
        rate=(0.05, FLOAT),
        strike=(1.0, POSITIVE),
    ),
    geometric(
        bsde.GeometricBasketCall,
        drift_rate=(LEFT_OUT, []),
        rate=(0.05, FLOAT),
        volatility=(0.2, several(POSITIVE, [1.0, -1.0])),
        correlation=(0.5, plus(FLOAT, 1.1, -1.1)),
        strike=(1.0, POSITIVE),
    ),
    geometric(
        bsde.DifferentRates,
        lending_rate=(0.04, FLOAT),
        borrowing_rate=(0.06, plus(FLOAT, 0.03)),
        low_strike=(120.0, FLOAT),
        high_strike=(150.0, FLOAT),
    ),
    geometric(
        bsde.DefaultRisk,
        recovery=(0.5, FLOAT),
        rate=(0.02, FLOAT),
        high_intensity=(0.2, FLOAT),
        low_intensity=(0.02, FLOAT),
        low_value=(50.0, FLOAT),
        high_value=(70.0, plus(FLOAT, 40.0, 50.0)),
    ),
]


def fitted(x, y):
    model = MODEL.get()
    if not model.compiled:
        model.compile("sgd", "mse")
    return model.fit(x, y, verbose=0)
