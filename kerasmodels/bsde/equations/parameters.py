"""Parameters of an equation as coordinates of a family: ranges, and a check."""

import numpy as np
import tensorflow as tf

from kerasmodels._support import checks
from kerasmodels.bsde.curve import plain

# Points at which a parameter as a coordinate is compared with a parameter as a number.
_POINTS = 8
_CLOSE = 1e-9


def ranges_of(owner, equation, parameters):
    """The pair (own value, (low, high)) of each parameter, arrays `[size]`."""
    if parameters is not None and not isinstance(parameters, dict):
        received = f"parameters={checks.describe(parameters)}"
        expected = "a dict of pairs (low, high) by name"
        raise checks.ArgumentError(checks.message(owner, "parameters", expected, received))
    names = names_of(equation)
    found = {}
    for name, ends in (parameters or {}).items():
        checks.one_of(owner, "parameter", name, names)
        own = checks.as_numbers(getattr(equation, name))
        if own is None or own.ndim > 1:
            received = f"{name}={checks.describe(getattr(equation, name))}"
            expected = "a number or a list of numbers in the equation"
            raise checks.ArgumentError(checks.message(owner, name, expected, received))
        own = np.atleast_1d(own)
        if not isinstance(ends, (tuple, list)) or len(ends) != 2:
            received = f"{name}={checks.describe(ends)}"
            expected = "a pair (low, high)"
            raise checks.ArgumentError(checks.message(owner, name, expected, received))
        low, high = (checks.point(owner, name, end, len(own)) for end in ends)
        if not np.all((low <= own) & (own <= high)) or not np.any(low < high):
            received = f"{name}=({plain(low)}, {plain(high)})"
            expected = f"a range that holds the equation's own {plain(own)}"
            raise checks.ArgumentError(checks.message(owner, name, expected, received))
        found[name] = own, (low, high)
    return found


def names_of(equation):
    """The arguments of an equation's constructor that may be parameters of a family."""
    return [name for name in equation.get_config() if name not in ("dim", "x0")]


def rebuilt(equation, **arguments):
    """An equation of the same class, with other arguments."""
    config = {**equation.get_config(), **{k: plain(v) for k, v in arguments.items()}}
    return type(equation).from_config(config)


def require_read(family, name, seed=0):
    """Raises ValueError unless the coefficients read a parameter at each call.

    The family with the parameter as a coordinate is compared with the equation that the
    constructor makes of the same value.
    """
    equation, values = family.equation, []
    low, high = (np.atleast_1d(end) for end in family.parameters[name])
    for point in (low, high):
        state = np.array(family.x0)
        state[family._columns[name]] = point
        try:
            plain_equation = rebuilt(equation, **{name: family.as_given(name, state)})
        except Exception as error:
            expected = f"a range that `{type(equation).__name__}` takes"
            received = f"{name}={plain(point)}, where it raises {error!r}"
            raise checks.ArgumentError(
                checks.message("Family", name, expected, received)
            ) from error
        expected = _coefficients(plain_equation, equation, state, seed)
        try:
            found = _coefficients(family, equation, state, seed)
        except Exception as error:
            _refuse(family, name, f"with tensors in its place it raises {error!r}")
        for part, value in expected.items():
            if not np.allclose(found[part], value, rtol=_CLOSE, atol=_CLOSE):
                _refuse(family, name, f"`{part}` does not change with `self.{name}`")
        values.append(expected)
    first, last = values
    if all(np.array_equal(first[part], last[part]) for part in first):
        _refuse(family, name, "no coefficient changes with it")


def _refuse(family, name, reason):
    owner = type(family.equation).__name__
    advice = (
        f"Let the methods of `{owner}` read `self.{name}` at each call, with `keras.ops` "
        "in place of `math` or `numpy`, and keep nothing that the constructor makes of it."
    )
    expected = f"a parameter that the coefficients of `{owner}` read"
    raise checks.ArgumentError(checks.message("Family", name, expected, reason, advice))


def _coefficients(equation, own, state, seed):
    """The coefficients at points near x0, of a family or of a plain equation.

    Those of a plain equation are scaled as the family scales time.
    """
    rng = np.random.default_rng(seed)
    family = equation.num_parameters > 0
    spread = np.where(own.x0 == 0, 0.1, 0.1 * np.abs(own.x0))
    x = own.x0 + spread * rng.uniform(-1.0, 1.0, (_POINTS, own.dim))
    t = rng.uniform(0.1, 0.8, (_POINTS, 1)) * own.terminal_time
    dt = np.full((1, 1), 0.1 * own.terminal_time)
    u = rng.normal(size=(_POINTS, 1))
    z, dw = rng.normal(size=(2, _POINTS, own.noise_dim))
    scale = 1.0
    if family:
        x = np.concatenate([x, np.tile(state[own.dim :], (_POINTS, 1))], axis=1)
    else:
        scale = equation.terminal_time / own.terminal_time
    root = scale**0.5
    t, dt, dw, z = scale * t, scale * dt, root * dw, z / root
    t, dt, x, u, z, dw = (tf.constant(v, "float64") for v in (t, dt, x, u, z, dw))
    values = {
        "drift": scale * equation.drift(t, x),
        "diffusion_prod": equation.diffusion_prod(t, x, dw),
        "driver": scale * equation.driver(t, x, u, z),
        "terminal": equation.terminal(x),
        "step": equation.step(t, dt, x, dw),
    }
    return {k: np.asarray(v)[:, : own.dim] for k, v in values.items()}
