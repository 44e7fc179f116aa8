"""Control processes: (t, x) -> z = sigma^T grad u at all inner times at once.

`ControlProcess` is the base class of all; `LayerControl` makes one of a plain Keras layer
with `call(t, x)`.
"""

from kerasmodels._support import checks
from kerasmodels.bsde.control.exact import ExactControl
from kerasmodels.bsde.control.exchangeable import ExchangeableControl
from kerasmodels.bsde.control.per_step import PerStepControl
from kerasmodels.bsde.control.process import ControlProcess, LayerControl
from kerasmodels.bsde.control.shared import SharedControl
from kerasmodels.bsde.control.stacked import StackedControl
from kerasmodels.bsde.control.subnet import ZSubnet
from kerasmodels.bsde.control.terminal_skip import TerminalSkip

__all__ = [
    "ControlProcess",
    "ExactControl",
    "ExchangeableControl",
    "LayerControl",
    "PerStepControl",
    "SharedControl",
    "StackedControl",
    "TerminalSkip",
    "ZSubnet",
    "make_control",
]


CONTROLS = ("exchangeable", "shared", "stacked", "per-step")


def make_control(name, times, dim, noise_dim=None, dtype=None, **options):
    """Returns a fresh control process by its name in `CONTROLS`.

    Args:
        name: str.
        times: list of float. The inner times.
        dim: int. Size of x.
        noise_dim: None or int. Size of z; None is `dim`.
        dtype: as in Keras.
        **options: passed on to the class.

    Raises:
        ValueError: the name is none of these, or an option does not belong to it.
    """
    checks.one_of("GlobalModel", "control", name, CONTROLS)
    noise_dim = dim if noise_dim is None else noise_dim
    if name == "exchangeable":
        if noise_dim != dim:
            raise checks.ArgumentError(
                checks.message(
                    "GlobalModel",
                    "control",
                    '"shared", "stacked" or "per-step" for noise of another size than '
                    "the state",
                    f'control="exchangeable" for x of size {dim}, z of size {noise_dim}',
                    "It reorders z with the coordinates of x.",
                )
            )
        if "hidden" in options:
            raise checks.ArgumentError(
                checks.message(
                    "GlobalModel",
                    "hidden",
                    'left out with the control process "exchangeable"',
                    f"hidden={options['hidden']!r}",
                    "Its network is small whatever the dimension; `hidden` belongs to "
                    '"shared", "stacked" and "per-step".',
                )
            )
        return ExchangeableControl(dim, times, dtype=dtype, **options)
    if name == "shared":
        return SharedControl(dim, noise_dim=noise_dim, dtype=dtype, **options)
    if name == "per-step":
        options = {"noise_dim": noise_dim, **options}
        return PerStepControl.fresh(len(times), dim, dtype=dtype, **options)
    return StackedControl(len(times), dim, noise_dim=noise_dim, dtype=dtype, **options)
