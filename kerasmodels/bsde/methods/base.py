"""The base class of methods: settings, reasons to refuse an equation, and rounds."""

import abc
import dataclasses
from typing import ClassVar, NamedTuple

import keras

from kerasmodels._support import checks
from kerasmodels.bsde.estimate.interval import Estimate

# Parts of an equation beyond a semilinear PDE, with the reason to refuse each.
PARTS = {
    "obstacle": "it has an obstacle, and the method stops no path early",
    "jumps": "its paths jump, and the method draws continuous paths alone",
    "coupled": "its coefficients depend on u or z, and the method draws paths before u",
    "start_varies": "its start varies, and the method finds u at one point x0 alone",
}


def part_beyond(equation, treats=()):
    """None, or a sentence on a part of `PARTS` that the equation declares.

    Args:
        equation: `Equation`.
        treats: the names of the parts that are treated.
    """
    for name, reason in PARTS.items():
        part = getattr(equation, name)
        # A number or a table of that name belongs to the coefficients of a user.
        if name not in treats and (part is True or callable(part)):
            return reason
    return None


class MethodFailed(checks.RunError):
    """A method failed to solve this equation. Scripts print the error in one line."""


class Round(NamedTuple):
    """The results of one round of a method.

    estimate: `Estimate` of the round's approximation.
    attainable_half_width: float. The half-width with the largest allowed number
        of paths.
    """

    estimate: Estimate
    attainable_half_width: float


class Method(abc.ABC):
    """A way to find an approximation of u and z.

    A subclass is a frozen dataclass, registered for Keras serialization; its fields are
    its settings. A method depends on the attributes of an equation alone, not on its name.

    Attributes:
        approximation: the class of what `fit` finds, a kind of `Approximation`.
        treats: the names of `PARTS` that the method treats.
    """

    approximation: ClassVar[type]
    treats: ClassVar[tuple] = ()

    def refuses_parts(self, equation):
        """None, or a sentence on a part of `PARTS` that the equation declares.

        `solve` calls it before it checks the equation, whose coefficients may be wrong.
        """
        return part_beyond(equation, self.treats)

    def refuses(self, equation):
        """None, or one sentence on why the method cannot solve this equation."""
        return self.refuses_parts(equation)

    def cost_factor(self, equation):
        """Factor by which the estimate may cost more on this equation than on others."""
        return 1.0

    @abc.abstractmethod
    def fit(self, equation, run):
        """A generator of `Approximation`s, one after each round, each better than before.

        `solve` sends the `Round` of each approximation back, which begins another round,
        where its interval is too wide; the generator returns where another round would
        not help.

        Args:
            equation: `Equation` that the method does not refuse.
            run: `ActiveRun`.
        """

    def get_config(self):
        """The settings as plain Python values."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {k: keras.saving.serialize_keras_object(v) for k, v in values.items()}

    @classmethod
    def from_config(cls, config):
        restored = {
            name: keras.saving.deserialize_keras_object(value)
            for name, value in config.items()
        }
        return cls(**restored)
