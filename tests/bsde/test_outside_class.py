"""Problems outside of the class of equations are refused in words, and others are not."""

import pytest
from keras import ops

from kerasmodels import bsde
from kerasmodels.bsde.outside_class import problem_outside


class Base(bsde.Equation):
    def __init__(self, dim=2):
        super().__init__(dim, 1.0, 1.0)

    def diffusion_prod(self, t, x, dw):
        return dw

    def driver(self, t, x, u, z):
        return 0 * u

    def terminal(self, x):
        return bsde.squared_norm(x)


class CoupledNoise(Base):
    def diffusion_prod(self, t, x, u, dw):
        return (1 + 0.1 * u) * dw


class CoupledDrift(Base):
    def drift(self, t, x, u, z):
        return z - u


class CoupledByDefault(Base):
    def drift(self, t, x, u=None):
        return 0 * x


class CoupledByName(Base):
    def drift(self, t, x, *, z=None):
        return 0 * x


class Swapped(Base):
    def drift(self, x, t):
        return -x


class SecondDerivative(Base):
    def driver(self, t, x, u, z, hessian):
        return u


class Law(Base):
    def drift(self, t, x, law):
        return law - x


class PathPayoff(Base):
    def terminal(self, x, path):
        return bsde.squared_norm(x)


class MissingTime(Base):
    def drift(self, x):
        return -x


class Boundary(Base):
    def boundary_condition(self, t, x):
        return 0 * t


class KnockOut(Base):
    """The state is stopped at a barrier."""

    def __init__(self, dim=2, barrier=0.9):
        super().__init__(dim)
        self.barrier = barrier

    def inside(self, x):
        return ops.cast(x > self.barrier, x.dtype)

    def diffusion_prod(self, t, x, dw):
        return self.inside(x) * dw


class IgnoredBarrier(Base):
    def __init__(self, dim=2, lower_barrier=0.9):
        super().__init__(dim)
        self.lower_barrier = lower_barrier


class Obstacle(Base):
    def obstacle(self, t, x):
        return self.terminal(x)


class American(Base):
    american = True


class Jumps(Base):
    def __init__(self, dim=2):
        super().__init__(dim)
        self.jump_intensity = 0.3


class MeanField(Base):
    def mean_field(self, law):
        return 0.0


OUTSIDE = {
    CoupledNoise: r"in `diffusion_prod`. Received: \(t, x, u, dw\).*coupled",
    CoupledDrift: r"in `drift`. Received: \(t, x, u, z\).*coupled.*belongs in `driver`",
    CoupledByDefault: "coupled",
    CoupledByName: "coupled",
    Swapped: r"take \(t, x\) in `drift`. Received: \(x, t\). The order",
    SecondDerivative: "fully nonlinear",
    Law: "mean field",
    PathPayoff: "state at T alone.*state of its own",
    MissingTime: r"take \(t, x\) in `drift`. Received: \(x\)",
    Boundary: "`boundary_condition`, which no coefficient uses. Boundary conditions",
    KnockOut: "`barrier`, which `diffusion_prod` uses. Boundary conditions",
    IgnoredBarrier: "`lower_barrier`, which no coefficient uses. Boundary conditions",
    Obstacle: "`obstacle`, which no coefficient uses. Early exercise.*penalty",
    American: "`american`.*Early exercise",
    Jumps: "`jump_intensity`.*Jumps",
    MeanField: "`mean_field`.*law of X",
}


@pytest.mark.parametrize("cls", OUTSIDE, ids=lambda cls: cls.__name__)
def test_problem_outside_of_the_class_is_refused(cls):
    with pytest.raises(
        bsde.EquationError, match=f"`{cls.__name__}`.*{OUTSIDE[cls]}"
    ) as told:
        bsde.check_equation(cls())
    assert "What it cannot do" in str(told.value)


def test_models_and_paths_refuse_it_too():
    with pytest.raises(bsde.EquationError, match="coupled"):
        bsde.GlobalModel(CoupledNoise(), num_steps=3)
    with pytest.raises(bsde.EquationError, match="Boundary"):
        bsde.path_dataset(KnockOut(), 4, num_steps=3)


class Penalty(Base):
    """The obstacle is a part of the driver."""

    def obstacle(self, x):
        return self.terminal(x)

    def driver(self, t, x, u, z):
        return 50.0 * ops.maximum(self.obstacle(x) - u, 0.0)


class BarrierAtTheEnd(Base):
    def __init__(self, dim=2, barrier=0.9):
        super().__init__(dim)
        self.barrier = barrier

    def terminal(self, x):
        return ops.cast(x[:, :1] > self.barrier, x.dtype)


class NoBarrier(Base):
    def __init__(self, dim=2, barrier=None, american=False):
        super().__init__(dim)
        self.barrier, self.american = barrier, american


class JumpOfTheRate(Base):
    """A rate that jumps at a time is a table, not a jump of X."""

    jump_time = 0.5

    @property
    def after(self):
        return lambda t: ops.cast(t > self.jump_time, t.dtype)

    def driver(self, t, x, u, z):
        return -self.after(t) * u


class OtherNames(Base):
    """The state is y here, and the value v."""

    power_law = 2.0

    def drift(self, s, y):
        return -y

    def diffusion_prod(self, s, y, noise):
        return noise

    def driver(self, s, y, v, zeta):
        return 0 * v


class MoreByDefault(Base):
    def driver(self, t, x, u, z, rate=0.1):
        return -rate * u


INSIDE = (Penalty, BarrierAtTheEnd, NoBarrier, JumpOfTheRate, OtherNames, MoreByDefault)


@pytest.mark.parametrize("cls", INSIDE, ids=lambda cls: cls.__name__)
def test_names_that_the_coefficients_use_are_accepted(cls):
    assert problem_outside(cls()) is None


@pytest.mark.parametrize("cls", bsde.EQUATIONS.values(), ids=lambda cls: cls.__name__)
def test_the_zoo_is_inside(cls):
    assert problem_outside(cls()) is None
