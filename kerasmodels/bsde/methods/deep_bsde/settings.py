"""Default settings of the training, for each equation."""

import math
from typing import NamedTuple

from kerasmodels._support import checks
from kerasmodels.bsde.equation import Equation
from kerasmodels.bsde.equations import Burgers, DifferentRates


class Settings(NamedTuple):
    """Default settings of the training for one equation.

    num_steps: N, equal time steps of the training; the estimate takes twice as many.
    per_time: time steps per unit of time, at least.
    cost_factor: how much more the estimate may cost than that of other equations.
    steps: training steps per round.
    batch_size: paths per training step.
    """

    num_steps: int = 20
    steps: int = 600
    batch_size: int = 64
    per_time: int = 0
    cost_factor: float = 1.0


# One line per equation that needs other settings, with the reason.
SETTINGS = {
    # A steep wave crosses the whole range of u, and the paths follow it.
    Burgers: Settings(num_steps=40, steps=1000, per_time=80),
    # z jumps with the dearest asset: more paths make up for the errors of a network.
    DifferentRates: Settings(steps=900, cost_factor=2.5),
}


def default_settings(equation):
    """The `Settings` of an equation.

    Raises:
        ValueError: it is no `Equation`.
    """
    checks.instance("default_settings", "equation", equation, Equation)
    settings = Settings()
    for cls, found in SETTINGS.items():
        if isinstance(equation, cls):
            settings = found
    at_least = math.ceil(settings.per_time * equation.terminal_time)
    return settings._replace(num_steps=max(settings.num_steps, at_least))
