"""One equation for a range of starts and of parameters."""

import copy

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kerasmodels._support import checks
from kerasmodels.bsde import schemes
from kerasmodels.bsde.curve import plain
from kerasmodels.bsde.equation import Equation, Reference
from kerasmodels.bsde.equations.parameters import ranges_of, rebuilt, require_read
from kerasmodels.bsde.starts import BoxStart, Start

# The parameter that scales time.
_TIME = "terminal_time"


@keras.saving.register_keras_serializable(package="kerasmodels")
class Family(Equation):
    """An equation whose start is a distribution, and whose parameters have ranges.

        X = (the equation's X, the parameters),        no drift and no noise moves these
        u(t, (x, p)) = u_p(t, x)

    A parameter p becomes further coordinates of the state, uniform in its range. Methods
    and estimates therefore need nothing new: one solution holds u of every start and every
    parameter. The terminal time is a parameter too. With s = p / T, time runs as s t:

        mu -> s mu(s t, x),        sigma -> s^(1/2) sigma(s t, x)
        f -> s f(s t, x, u, z / s^(1/2))

    x0 of the family is x0 of the equation with the equation's own parameters.

    Args:
        equation: `Equation`. Its methods read each parameter as `self.<name>` at each call,
            with functions that take tensors; the constructor compares.
        start: None, which leaves x0 a point, or a `Start` whose region holds x0.
        parameters: None, or a dict of pairs (low, high) by the name of a constructor's
            argument: two floats, or two lists where the argument is a list of numbers.
            The range holds the equation's own value.

    Raises:
        ValueError: an argument is not of the form above; neither of the last two is given;
            or a coefficient does not read a parameter in this way.

    Reference: Berner, Dablander and Grohs (2020), https://arxiv.org/abs/2011.04602
    (parameters as inputs, for linear equations)
    """

    start_varies = True

    def __init__(self, equation, start=None, parameters=None):
        owner = "Family"
        if isinstance(equation, dict):
            equation = keras.saving.deserialize_keras_object(equation)
        if isinstance(start, dict):
            start = keras.saving.deserialize_keras_object(start)
        self.equation = checks.instance(owner, "equation", equation, Equation)
        if isinstance(equation, Family):
            received = "a `Family`"
            advice = "Give both the start and all parameters to one family."
            raise checks.ArgumentError(
                checks.message(owner, "equation", "an equation", received, advice)
            )
        self.start = (
            None if start is None else checks.instance(owner, "start", start, Start)
        )
        if start is None and not parameters:
            expected = "given where no parameter has a range"
            raise checks.ArgumentError(checks.message(owner, "start", expected, "None"))
        if start is not None:
            start.fits(owner, equation.dim)
        ranges = ranges_of(owner, equation, parameters)
        self.parameters = {
            name: [
                plain(end[0] if np.ndim(getattr(equation, name)) == 0 else end)
                for end in ends
            ]
            for name, (_, ends) in ranges.items()
        }
        own, self._columns, count = [equation.x0], {}, equation.dim
        for name, (value, _) in ranges.items():
            self._columns[name] = slice(count, count + len(value))
            count += len(value)
            own.append(value)
        low, high = (
            np.concatenate([ends[k] for _, ends in ranges.values()] or [np.zeros(0)])
            for k in (0, 1)
        )
        self._box = BoxStart(low, high) if ranges else None
        super().__init__(count, equation.terminal_time, np.concatenate(own))
        if start is not None and not start.contains(equation.x0[None])[0]:
            raise checks.ArgumentError(
                checks.message(
                    owner,
                    "start",
                    f"a distribution whose region holds x0 = {equation.x0}",
                    start.describe(),
                )
            )
        self.obstacle, self.jumps = equation.obstacle, equation.jumps
        self.coupled = equation.coupled
        # Found at the equation's own parameters, because it cannot be found in a graph.
        schemes.default_scheme(equation)
        for name in ranges:
            require_read(self, name)

    @property
    def noise_dim(self):
        return self.equation.noise_dim

    @property
    def num_parameters(self):
        """Number of coordinates that are parameters."""
        return self.dim - self.equation.dim

    @property
    def weak_order(self):
        return self.equation.known_weak_order()

    def _member(self, x):
        """The triple (equation with the parameters of x, its own x, s or None)."""
        member, scale = copy.copy(self.equation), None
        for name, columns in self._columns.items():
            value = x[:, columns]
            setattr(member, name, value)
            if name == _TIME:
                scale = value / self.terminal_time
        return member, x[:, : self.equation.dim], scale

    def _extended(self, change, x):
        """The change of the equation's own coordinates, and zero for the parameters."""
        still = tf.zeros_like(x[:, self.equation.dim :])
        return change if not self.num_parameters else ops.concatenate([change, still], 1)

    def drift(self, t, x):
        member, own, scale = self._member(x)
        if scale is None:
            return self._extended(member.drift(t, own), x)
        return self._extended(scale * member.drift(scale * t, own), x)

    def diffusion_prod(self, t, x, dw):
        member, own, scale = self._member(x)
        if scale is None:
            return self._extended(member.diffusion_prod(t, own, dw), x)
        noise = ops.sqrt(scale) * member.diffusion_prod(scale * t, own, dw)
        return self._extended(noise, x)

    def step(self, t, dt, x, dw):
        member, own, scale = self._member(x)
        if scale is None:
            end = member.step(t, dt, own, dw)
        else:
            end = member.step(scale * t, scale * dt, own, ops.sqrt(scale) * dw)
        if not self.num_parameters:
            return end
        return ops.concatenate([end, x[:, self.equation.dim :]], axis=1)

    def driver(self, t, x, u, z):
        member, own, scale = self._member(x)
        if scale is None:
            return member.driver(t, own, u, z)
        return scale * member.driver(scale * t, own, u, z / ops.sqrt(scale))

    def terminal(self, x):
        member, own, _ = self._member(x)
        return member.terminal(own)

    @property
    def has_control(self):
        return self.equation.has_control

    def optimal_control(self, t, x, z):
        """The control of each member, where the equation is a `ControlProblem`."""
        member, own, scale = self._member(x)
        if scale is None:
            return member.optimal_control(t, own, z)
        return member.optimal_control(scale * t, own, z / ops.sqrt(scale))

    def exact_solution(self, t, x):
        """The equation's, where no parameter has a range; otherwise None."""
        return None if self.num_parameters else self.equation.exact_solution(t, x)

    def reference(self):
        """The equation's, at its own x0 and parameters."""
        known = self.equation.reference()
        return None if known is None else Reference(*known)

    def sample_start(self, seed, count, dtype):
        x = super().sample_start(seed, count, dtype)[:, : self.equation.dim]
        if self.start is not None:
            x = self.start.sample(seed, count, self.equation.dim, dtype)
        if self._box is None:
            return x
        # Another draw than that of the start.
        other = seed[0], -1 - seed[1]
        p = self._box.sample(other, count, self.num_parameters, dtype)
        return tf.concat([x, p], axis=1)

    def points(self, owner, x0=None, parameters=None, inside=True):
        """States (x, p) of the family.

        Args:
            owner: str. Named in an error.
            x0: None for the equation's own, or floats `[equation.dim]` or
                `[points, equation.dim]`.
            parameters: None, or a dict of values by name: one, or one for each point. Those
                left out are the equation's own.
            inside: bool. Whether x0 must be in the region of the start.

        Returns:
            Array `[points, dim]`.

        Raises:
            ValueError: an argument is not of the form above, or a point is outside.
        """
        size = self.equation.dim
        parts = [self.rows(owner, "x0", self.equation.x0 if x0 is None else x0, size)]
        given = dict(parameters or {})
        for name in given:
            checks.one_of(owner, "parameter", name, list(self._columns))
        for name, columns in self._columns.items():
            value = given.get(name, self.x0[columns])
            parts.append(self.rows(owner, name, value, columns.stop - columns.start))
        count = max(map(len, parts))
        if not all(len(part) in (1, count) for part in parts):
            names = ["x0", *self._columns]
            received = {name: len(part) for name, part in zip(names, parts)}
            expected = "one, or one for each point"
            raise checks.ArgumentError(
                checks.message(owner, "points", expected, f"numbers of rows {received}")
            )
        found = np.concatenate([np.broadcast_to(p, (count, p.shape[1])) for p in parts], 1)
        self._require_inside(owner, found, inside)
        return found

    @staticmethod
    def rows(owner, argument, value, size):
        """`value` as an array `[points, size]`, or raises ValueError."""
        array = checks.finite_array(owner, argument, value)
        if array.ndim == 0 or size == 1 and array.ndim == 1:
            array = np.broadcast_to(array.reshape(-1, 1), (array.size, size))
        elif array.ndim == 1:
            array = array[None, :]
        if array.ndim != 2 or array.shape[1] != size or not len(array):
            expected = f"of shape ({size},) or (points, {size})"
            received = f"shape {np.shape(value)}"
            raise checks.ArgumentError(checks.message(owner, argument, expected, received))
        return array

    def by_name(self, values):
        """The columns of values `[points, dim]` that belong to each parameter."""
        given = {}
        for name, columns in self._columns.items():
            scalar = np.ndim(getattr(self.equation, name)) == 0
            given[name] = values[:, columns][:, 0] if scalar else values[:, columns]
        return given

    def _require_inside(self, owner, points, inside):
        own = points[:, : self.equation.dim]
        start = self.start or BoxStart(self.equation.x0, self.equation.x0)
        outside = ~start.contains(own)
        if inside and np.any(outside):
            raise checks.ArgumentError(
                checks.message(
                    owner,
                    "x0",
                    f"in the region of the solution ({start.describe()})",
                    f"x0={own[outside][0]}",
                    "Solve a `Family` whose start reaches further.",
                )
            )
        for name, columns in self._columns.items():
            low, high = self.parameters[name]
            values = points[:, columns]
            outside = ~BoxStart(np.atleast_1d(low), np.atleast_1d(high)).contains(values)
            if np.any(outside):
                expected = f"between {low} and {high}, where the family was solved"
                received = f"{name}={np.squeeze(values[outside][0])}"
                raise checks.ArgumentError(checks.message(owner, name, expected, received))

    def member(self, point):
        """The plain equation at a row of `points`."""
        return rebuilt(
            self.equation,
            x0=point[: self.equation.dim],
            **{name: self.as_given(name, point) for name in self._columns},
        )

    def as_given(self, name, point):
        """The value of a parameter at a point, as the equation's constructor takes it."""
        values = point[self._columns[name]]
        return float(values[0]) if np.ndim(getattr(self.equation, name)) == 0 else values

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "equation": serialize(self.equation),
            "start": None if self.start is None else serialize(self.start),
            "parameters": self.parameters,
        }
