"""Graphs of the passes of a solve, which stay from one pass to the next.

Tracing the parts of a pass takes seconds, and running them a fraction of a second. The
graphs read variables, which each pass sets to its own tables.
"""

from kerasmodels.bsde.methods.regression.backward import Steps, compiled
from kerasmodels.bsde.recursion.driven import control_drift


class Graphs:
    """The compiled parts of passes, by the sizes of grid and paths.

    Args:
        equation: `Equation`.
    """

    def __init__(self, equation):
        self._equation = equation
        self._steps, self._drifts = {}, {}

    def steps(self, features, noise):
        """`Steps` that work with these features.

        Args:
            features: `Features`.
            noise: Tensor `[N, batch, noise_dim]`.
        """
        key = features.num_times, tuple(noise.shape)
        if key not in self._steps:
            self._steps[key] = Steps(self._equation, features.copy(), noise)
        steps = self._steps[key]
        steps.features.take(features)
        return steps

    def drift(self, before, noise):
        """A function (k, t, dt, x) -> df/dz at the u and z that a pass has found.

        Args:
            before: `Regressed`.
            noise: Tensor `[N, batch, noise_dim]`, of the paths that are driven.
        """
        key = before.features.num_times, tuple(noise.shape)
        if key not in self._drifts:
            self._drifts[key] = _Drift(self._equation, before, noise)
        drift = self._drifts[key]
        drift.take(before)
        return drift.function


class _Drift:
    """df/dz at a `Regressed` whose numbers may change."""

    def __init__(self, equation, before, noise):
        self._regressed = before.copy()

        def function(k, t, dt, x):
            u, z = self._regressed.value_and_z(k, t, x)
            return control_drift(equation, t, dt, x, u, z)[1]

        self.function = compiled(function, noise)

    def take(self, before):
        self._regressed.take(before)
