"""`check_equation` where numbers are NaN: a comparison must not pass because of it."""

import numpy as np
import pytest
from keras import ops

from kerasmodels import bsde
from kerasmodels.bsde.verify.check_solution import check_terminal


class Base(bsde.Equation):
    """u_t + 1/2 Lap u = 0, u = |x|^2 + d (T - t)."""

    def __init__(self, dim=3, terminal_time=1.0, x0=0.5):
        super().__init__(dim, terminal_time, x0)

    def diffusion_prod(self, t, x, dw):
        return dw

    def driver(self, t, x, u, z):
        return ops.zeros_like(u)

    def terminal(self, x):
        return bsde.squared_norm(x)


class Call(bsde.GeometricBrownian):
    """A call or a digital with the formula of the books, which is 0 / 0 at T."""

    def __init__(self, paid=100.0, digital=False):
        super().__init__(1, 1.0, 100.0, 0.05, 0.2)
        self.paid, self.digital = paid, digital

    def driver(self, t, x, u, z):
        return -0.05 * u

    def terminal(self, x):
        if self.digital:
            return ops.cast(x > self.paid, x.dtype)
        return ops.maximum(x - self.paid, 0.0)

    def exact_solution(self, t, x):
        left = self.terminal_time - t
        d2 = (ops.log(x / 100.0) + 0.03 * left) / (0.2 * ops.sqrt(left))
        cash = ops.exp(-0.05 * left) * (1 + ops.erf(d2 / 2**0.5)) / 2
        if self.digital:
            return cash
        share = (1 + ops.erf((d2 + 0.2 * ops.sqrt(left)) / 2**0.5)) / 2
        return x * share - 100.0 * cash


@pytest.mark.parametrize("digital", [False, True])
def test_right_formula_that_is_nan_at_the_end_passes_with_a_word(digital):
    report = bsde.check_equation(Call(digital=digital))
    assert report["terminal_checked"].startswith("just before T")
    # A payoff with a kink: the root of the time that is left, 1e-8, by the volatility.
    assert 0 <= report["largest_terminal_error"] < 1e-4
    assert report["largest_residual"] < 1e-6
    assert bsde.check_equation(bsde.Heat(2))["terminal_checked"] == "at T"


@pytest.mark.parametrize(
    "equation", [Call(paid=101.0), Call(paid=99.99), Call(paid=101.0, digital=True)]
)
def test_wrong_payoff_is_found_before_the_end(equation):
    expected = r"misses its own terminal condition.*exact_solution\(T \(1 - 1e-08\), x\)"
    with pytest.raises(bsde.EquationError, match=expected):
        bsde.check_equation(equation)


def test_solution_is_compared_just_before_the_end_at_points_where_it_is_nan_there():
    class Kink(Base):
        """u -> |x| + wrong as the square root of the time that is left, NaN at T."""

        wrong = 0.0

        def terminal(self, x):
            return ops.abs(x)

        def exact_solution(self, t, x):
            left = self.terminal_time - t
            return ops.sqrt(x**2 + left) + self.wrong + 0 * left / left

    x = ops.convert_to_tensor(np.array([[1.0], [0.0], [-2.0]]), "float64")
    error, checked = check_terminal(Kink(dim=1), x)
    # At x = 0 the root of 1e-8, relative to the largest value, 2.
    assert error == pytest.approx(0.5e-4, rel=1e-6) and "just before T" in checked
    shifted = Kink(dim=1)
    shifted.wrong = 1e-5
    with pytest.raises(bsde.EquationError, match=r"point 0, x=\[1\.\]"):
        check_terminal(shifted, x[:1])


def test_solution_that_is_nan_near_the_end_is_refused():
    class NearlyEverywhere(Base):
        def exact_solution(self, t, x):
            late = ops.cast(t > 0.99, x.dtype)
            return ops.sqrt(0.5 - late) * bsde.squared_norm(x)

    with pytest.raises(bsde.EquationError, match="nan at T and nan just before.*compared"):
        bsde.check_equation(NearlyEverywhere())


def test_noise_that_is_nan_for_large_increments_is_named():
    class NotForAll(Base):
        def diffusion_prod(self, t, x, dw):
            return dw + 0 * ops.sqrt(3.5 - ops.abs(dw))

    with pytest.raises(bsde.EquationError, match=r"nan.* from `diffusion_prod`.*dw="):
        bsde.check_equation(NotForAll())


def test_step_that_is_nan_for_one_increment_is_named():
    class NoZero(Base):
        def step(self, t, dt, x, dw):
            return x + dw + 0 * (dw / ops.abs(dw))

    with pytest.raises(bsde.EquationError, match=r"nan.* from `step`.*dw=\[.*0\."):
        bsde.check_equation(NoZero())


def test_residual_that_is_nan_is_no_agreement():
    class Rooted(Base):
        """Wrong by its driver, and not differentiable where x < 0."""

        def driver(self, t, x, u, z):
            return u + 1.0

        def exact_solution(self, t, x):
            root = ops.where(x > 0, ops.sqrt(x), 0 * x)
            return bsde.squared_norm(x) + 0 * ops.sum(root, axis=-1, keepdims=True)

    with pytest.raises(bsde.EquationError, match="on which diffusion is nan.*ops.where"):
        bsde.check_equation(Rooted())


def test_driver_that_is_nan_at_the_end_is_named():
    class AtTheEnd(Base):
        def driver(self, t, x, u, z):
            return u * ops.sqrt(self.terminal_time - t) / (self.terminal_time - t)

    with pytest.raises(bsde.EquationError, match=r"from `driver`.*t=1, x=.*limit"):
        bsde.check_equation(AtTheEnd())


class Heston(bsde.Equation):
    """Without a guard against a variance below zero."""

    def __init__(self, terminal_time=1.0, x0=(100.0, 0.04)):
        super().__init__(2, terminal_time, x0)

    def drift(self, t, x):
        price, variance = x[:, :1], x[:, 1:]
        return ops.concatenate([0.05 * price, 2.0 * (0.04 - variance)], axis=1)

    def diffusion_prod(self, t, x, dw):
        price, root = x[:, :1], ops.sqrt(x[:, 1:])
        return ops.concatenate([root * price * dw[:, :1], 0.3 * root * dw[:, 1:]], axis=1)

    def driver(self, t, x, u, z):
        return -0.05 * u

    def terminal(self, x):
        return ops.maximum(x[:, :1] - 100.0, 0.0)


@pytest.mark.parametrize("seed", [0, 1])
def test_coefficient_that_first_is_nan_is_the_one_named(seed):
    with pytest.raises(bsde.EquationError) as caught:
        bsde.check_equation(Heston(), num_points=2, seed=seed)
    told = str(caught.value)
    # Two points hardly meet a variance below zero; a thousand paths do.
    assert "nan" in told and "from `diffusion_prod`" in told and "drift" not in told
    assert "ops.maximum(x, 0.0)" in told
    variance = float(told.split("x=[")[1].split("]")[0].split(",")[1])
    assert -0.1 < variance < 0 and "dw=[" in told


def test_random_u_and_z_are_told_with_their_values():
    class Root(Base):
        def driver(self, t, x, u, z):
            return -2 * ops.sqrt(z[:, :1])

    with pytest.raises(bsde.EquationError) as caught:
        bsde.check_equation(Root())
    told = str(caught.value)
    assert "draws u and z at random" in told and "networks" in told
    assert "ops.maximum" in told and "u=[" in told
    assert float(told.split("z=[")[1].split(",")[0]) < 0


def test_u_and_z_of_the_check_are_drawn_apart():
    class Apart(Base):
        def driver(self, t, x, u, z):
            return 1 / (u - z[:, :1])

    bsde.check_equation(Apart())


class Cubic(Base):
    """Contracts by x^3: eight steps explode, thirty-two do not."""

    sign = -1.0

    def __init__(self, x0=3.0):
        super().__init__(1, 2.0, x0)

    def drift(self, t, x):
        return self.sign * x**3


def test_paths_that_explode_on_large_steps_alone_are_drawn_on_smaller_ones():
    assert bsde.check_equation(Cubic())["num_points"] == 16


def test_paths_that_explode_on_any_grid_are_told():
    equation = Cubic()
    equation.sign = 1.0
    with pytest.raises(bsde.EquationError, match="no longer finite.* of 128 time steps"):
        bsde.check_equation(equation)
