"""Control processes: (t, x) -> z = sigma^T grad u at all inner times at once.

A control process is a Keras layer called on the inner times t_1, ..., t_{N-1} together:
t `[batch, N-1, 1]` and x `[batch, N-1, dim]` give z `[batch, N-1, noise_dim]`. It knows no
equation. At t_0 the state is the constant x0, so z_0 is a weight of the model instead.
A layer without `build` is built by its first call.

Attributes that a control process may have: `num_times`, the number of inner times it has
networks for (None or absent: it can be asked at any time); `uses_terminal`, whether it is
called with g(x) and sigma^T grad g(x) too; `standardized` and `standardize`; and, where
`num_times` is given, `at(index, x)`, the network of one time alone.
"""

from keras import ops

from kerasmodels._support import checks
from kerasmodels.bsde.control.exact import ExactControl
from kerasmodels.bsde.control.exchangeable import ExchangeableControl
from kerasmodels.bsde.control.per_step import PerStepControl
from kerasmodels.bsde.control.shared import SharedControl
from kerasmodels.bsde.control.stacked import StackedControl
from kerasmodels.bsde.control.subnet import ZSubnet
from kerasmodels.bsde.control.terminal_skip import TerminalSkip

__all__ = [
    "ExactControl",
    "ExchangeableControl",
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


def control_at(control, index, t, x, g, gradient):
    """z of a control process at one inner time for all paths.

    Args:
        control: a control process.
        index: int Tensor. Which inner time, from 0; not read where t is enough.
        t: Tensor `[batch, 1]`.
        x: Tensor `[batch, dim]`.
        gradient: Tensor `[batch, noise_dim]`.
        g: Tensor `[batch, 1]`.

    Returns:
        Tensor `[batch, noise_dim]`.
    """
    num_times = getattr(control, "num_times", None)
    if num_times is not None and hasattr(control, "at"):
        return control.at(index, x)
    terminal = ()
    if getattr(control, "uses_terminal", False):
        terminal = (g[:, None], gradient[:, None])
    if num_times is None:
        return control(t[:, None], x[:, None], *terminal)[:, 0]
    # A process of the user's that knows all its times together only.
    t, x = (ops.repeat(value[:, None], num_times, axis=1) for value in (t, x))
    return ops.take(control(t, x), index, axis=1)
