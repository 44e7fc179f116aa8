"""`check_equation` catches the mistakes people make, names the point and the cause."""

import numpy as np
import pytest
from keras import ops

from kerasmodels import bsde


class FlippedDriver(bsde.Burgers):
    def driver(self, t, x, u, z):
        return -super().driver(t, x, u, z)


class MissingHalf(bsde.HJB):
    def driver(self, t, x, u, z):
        return -self.control_cost * bsde.squared_norm(z)


class GradientForZ(bsde.Burgers):
    def driver(self, t, x, u, z):
        # Written for grad u: multiplies by sigma = d itself.
        return super().driver(t, x, u, self.dim * z)


class MissingRootTwo(bsde.HJB):
    def diffusion_prod(self, t, x, dw):
        return dw

    def driver(self, t, x, u, z):
        return -self.control_cost * bsde.squared_norm(z)


class WrongTerminal(bsde.Heat):
    def terminal(self, x):
        return 2 * super().terminal(x)


class LostAxis(bsde.Heat):
    def terminal(self, x):
        return ops.sum(x**2, axis=-1)


class WholeBatch(bsde.Heat):
    def driver(self, t, x, u, z):
        return ops.sum(u)


class Float64Constant(bsde.AllenCahn):
    def driver(self, t, x, u, z):
        return ops.cast(u, "float64")


class NotFinite(bsde.AllenCahn):
    def driver(self, t, x, u, z):
        return ops.log(-1 - ops.square(u))


class PythonBranch(bsde.AllenCahn):
    def driver(self, t, x, u, z):
        return u if float(u[0, 0]) > 0 else -u


class NotLinear(bsde.Heat):
    def diffusion_prod(self, t, x, dw):
        return dw + dw**2


class WrongStep(bsde.BlackScholesBasket):
    def step(self, t, dt, x, dw):
        return x * ops.exp(self.rate * dt + 2 * self.volatility * dw)


class WrongStepDrift(bsde.BlackScholesBasket):
    def step(self, t, dt, x, dw):
        return x * ops.exp(-self.rate * dt + self.volatility * dw)


class NoDriftInStep(bsde.BlackScholesBasket):
    def step(self, t, dt, x, dw):
        return x + self.volatility * x * dw


class MixedBatch(bsde.Heat):
    def terminal(self, x):
        return 0 * x[:, :1] + ops.mean(x**2)


class Absolute(bsde.Heat):
    def diffusion_prod(self, t, x, dw):
        return ops.abs(dw)


class TwiceAsWide(bsde.Heat):
    def diffusion_prod(self, t, x, dw):
        return ops.concatenate([dw, dw], axis=-1)


class NumpyArray(bsde.Heat):
    def diffusion_prod(self, t, x, dw):
        return ops.matmul(dw, np.eye(self.dim))


class Unsavable(bsde.Heat):
    def __init__(self, dim=3, scale=float("inf")):
        super().__init__(dim)
        self.scale = scale


class Drifts(bsde.Heat):
    """Not the same from its config."""

    def __init__(self, dim=3, shift=1.0):
        super().__init__(dim)
        self.shift = shift + 1.0


class Random(bsde.Heat):
    def driver(self, t, x, u, z):
        return 0 * u + np.random.default_rng().normal()


CASES = {
    FlippedDriver: r"point \d+, t=.*residual.*sign of the driver flipped",
    MissingHalf: r"point \d+.*half the driver: is a factor 1/2 missing",
    GradientForZ: r"point \d+.*residual",
    MissingRootTwo: r"residual.*`diffusion_prod` may lack a factor sqrt\(2\)|residual",
    WrongTerminal: r"point \d+.*exact_solution\(T, x\)=.*terminal\(x\)=",
    LostAxis: r"`terminal`.*Expected: \(16, 1\). Received: \(16,\)",
    WholeBatch: r"`driver`.*Expected: \(16, 1\). Received: \(\)",
    Float64Constant: "returned float64 from `driver` for float32",
    NotFinite: r"`driver`, which is not finite, at point \d+",
    PythonBranch: "cannot run `driver` in a compiled graph",
    NotLinear: "not linear in `dw`",
    WrongStep: "does not follow its `diffusion_prod`: its noise",
    WrongStepDrift: "does not follow its `drift`: its mean",
    NoDriftInStep: "does not follow its `drift`: its mean",
    MixedBatch: "mixes the paths of a batch in `terminal`",
    Absolute: "not linear in `dw`",
    TwiceAsWide: r"`diffusion_prod`.*Expected: \(16, 3\). Received: \(16, 6\)",
    NumpyArray: "`diffusion_prod`.*convert_to_tensor",
    Unsavable: "cannot be saved",
    Drifts: "does not come back from its own config",
    Random: "other values of `driver` in a compiled graph",
}


@pytest.mark.parametrize("cls", CASES, ids=lambda cls: cls.__name__)
def test_mistakes_are_caught(cls):
    with pytest.raises(bsde.EquationError, match=CASES[cls]):
        bsde.check_equation(cls(dim=3))


def test_driver_written_for_the_gradient_is_named():
    class Quadratic(bsde.Equation):
        """u_t + 2 Lap u - |grad u|^2 = -4 d - 4 |x|^2 ... with u = |x|^2."""

        def __init__(self, dim=2, terminal_time=1.0):
            super().__init__(dim, terminal_time)

        def diffusion_prod(self, t, x, dw):
            return 2 * dw

        def driver(self, t, x, u, z):
            # Meant: -|grad u|^2 + source; but z = 2 grad u.
            return -bsde.squared_norm(z) + 4 * bsde.squared_norm(x) - 4 * self.dim

        def terminal(self, x):
            return bsde.squared_norm(x)

        def exact_solution(self, t, x):
            return bsde.squared_norm(x)

    with pytest.raises(bsde.EquationError, match="its `z` is sigma.T grad u"):
        bsde.check_equation(Quadratic())


def test_report_of_a_right_equation():
    report = bsde.check_equation(bsde.QuadraticGradient(3), num_points=5)
    assert report["num_points"] == 5
    assert report["largest_residual"] < 1e-12
    assert report["largest_terminal_error"] < 1e-12


def test_something_else_is_refused():
    with pytest.raises(ValueError, match="an instance of `Equation`"):
        bsde.check_equation("hjb")


def test_constructor_argument_without_attribute_is_named():
    class Forgetful(bsde.Heat):
        def __init__(self, dim=2, rate=0.1):
            super().__init__(dim)

    with pytest.raises(NotImplementedError, match="self.rate = rate"):
        Forgetful().get_config()
