"""Equations that are not built in, each with a value of u(0, x0) that no network computed.

Each has `drift` and `diffusion_prod`, as a user would write it, without a `step` of its own
and with noise of the size of the state. `reference()` computes the value in less than a
second, by a closed form, quadrature, an ordinary differential equation, a characteristic
function, or finite differences.
"""

from typing import NamedTuple

from kerasmodels import bsde

from .control import CartPole, LinearRegulator
from .diffusions import DoubleWell, GeometricSquares, OrnsteinUhlenbeck, RunningCost
from .drivers import Consumption, SineWave, StiffSource, ValuationAdjustment
from .heston import Heston
from .kinks import BoundedControl, LargeValueTax, PenalisedPut, Straddle
from .options import BestOfCall, CEVCall, Digital, GeometricAsianCall, GeometricBasketPut
from .rates import CIRBond, CommonFactorBond, TableBond


class Problem(NamedTuple):
    """An equation and its arguments of `solve`.

    kind: the property that no equation of the zoo has, for the table.
    options: arguments of `solve` beside those of every problem.
    """

    equation: bsde.Equation
    kind: str
    options: dict = {}


# The arguments of `solve` on every problem: only the relative half-width of the interval.
OPTIONS = {"tolerance": 4e-3}

# For problems on which trained networks are far worse than a regression.
ALONE = {"method": "regression"}

# Problems by name. Two of a kind are an easy and a hard one.
PROBLEMS = {
    "OU, slow": Problem(OrnsteinUhlenbeck(dim=10), "drift depends on x"),
    "OU, stiff": Problem(
        OrnsteinUhlenbeck(dim=10, rate=25.0, volatility=1.0), "drift depends on x, stiff"
    ),
    "double well": Problem(DoubleWell(), "cubic drift"),
    "running cost, T = 20": Problem(RunningCost(), "long horizon"),
    "geometric squares": Problem(GeometricSquares(), "noise depends on x"),
    "CEV call": Problem(CEVCall(), "noise is a root of x"),
    "basket put": Problem(GeometricBasketPut(), "correlated noise"),
    "best of three": Problem(BestOfCall(), "correlated noise, a payoff with edges"),
    "digital": Problem(Digital(), "payoff that jumps"),
    "average price": Problem(GeometricAsianCall(), "running average, noise of rank one"),
    "CIR bond": Problem(CIRBond(), "square root, zero is not reached"),
    "CIR bond, low": Problem(
        CIRBond(speed=0.5, mean=0.04, volatility=0.4, terminal_time=5.0, x0=0.02),
        "square root, zero is reached",
    ),
    "twenty rates": Problem(CommonFactorBond(), "twenty states on one noise"),
    "tables": Problem(TableBond(), "tables over time in drift and noise"),
    "Heston, mild": Problem(Heston(), "stochastic variance"),
    "Heston, wild": Problem(
        Heston(
            rate=0.0,
            speed=1.0,
            vol_of_vol=1.0,
            correlation=-0.9,
            terminal_time=2.0,
        ),
        "stochastic variance that reaches zero",
    ),
    "bounded control, d = 5": Problem(BoundedControl(), "f has a kink in z"),
    "bounded control, d = 1": Problem(BoundedControl(dim=1), "f has a kink in z"),
    "straddle": Problem(Straddle(), "f has a kink in (u, z): borrowing spread"),
    "tax on large values": Problem(LargeValueTax(), "f has a kink in u"),
    "penalised put": Problem(PenalisedPut(), "stiff f with a kink in u"),
    "stiff source": Problem(StiffSource(), "stiff f: df/du = -50"),
    "valuation adjustment": Problem(ValuationAdjustment(), "g = 0, all of it in f"),
    "sine wave": Problem(SineWave(), "noise that passes zero, f with u z and z^2"),
    "consumption": Problem(Consumption(), "f with a square root of z"),
    "regulator": Problem(LinearRegulator(), "one control of four unstable states", ALONE),
    "cart-pole": Problem(CartPole(), "strong drift, noise 0.01", ALONE),
}
