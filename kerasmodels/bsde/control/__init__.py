"""Control processes: (t, x) -> z = sigma^T grad u at all inner times at once.

A control process is a Keras layer called on the inner times t_1, ..., t_{N-1} together:
t `[batch, N-1, 1]` and x `[batch, N-1, dim]` give z `[batch, N-1, dim]`. It knows no
equation. At t_0 the state is the constant x0, so z_0 is a weight of the model instead.
"""

from kerasmodels import _checks
from kerasmodels.bsde.control.exact import ExactControl
from kerasmodels.bsde.control.per_step import PerStepControl
from kerasmodels.bsde.control.shared import SharedControl
from kerasmodels.bsde.control.stacked import StackedControl
from kerasmodels.bsde.control.subnet import ZSubnet
from kerasmodels.bsde.control.terminal_skip import TerminalSkip

__all__ = [
    "ExactControl",
    "PerStepControl",
    "SharedControl",
    "StackedControl",
    "TerminalSkip",
    "ZSubnet",
    "make_control",
]


CONTROLS = ("stacked", "per-step", "shared")


def make_control(name, num_times, dim, dtype=None, **options):
    """Returns a fresh control process by name: "per-step", "stacked" or "shared".

    Raises:
        ValueError: the name is none of these.
    """
    _checks.one_of("GlobalModel", "control", name, CONTROLS)
    if name == "shared":
        return SharedControl(dim, dtype=dtype, **options)
    if name == "per-step":
        return PerStepControl.fresh(num_times, dim, dtype=dtype, **options)
    return StackedControl(num_times, dim, dtype=dtype, **options)
