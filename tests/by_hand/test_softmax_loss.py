"""Loops and matrices give the loss and the gradient that were derived on paper."""

import numpy as np
import pytest

from kerasmodels.by_hand import softmax_loss_naive, softmax_loss_vectorized
from tests.by_hand.test_numbers import CLOSE, NUMBERS, det

BOTH = pytest.mark.parametrize("loss_of", [softmax_loss_naive, softmax_loss_vectorized])


@BOTH
def test_numbers_from_paper(loss_of):
    numbers = NUMBERS["S07"]["det"]
    weights, x = det(3, 4, scale=0.5).T, det(4, 5, phase=20).T
    loss, gradient = loss_of(weights, x, np.array(numbers["y"]), numbers["reg"])
    assert loss == pytest.approx(numbers["loss"], rel=1e-12)
    np.testing.assert_allclose(gradient, np.transpose(numbers["dW"]), **CLOSE)
    stable = NUMBERS["S07"]["stability"]["loss_W_x1000"]
    assert loss_of(1000 * weights, x, np.array(numbers["y"]))[0] == pytest.approx(stable)


@BOTH
def test_three_scores(loss_of):
    loss, gradient = loss_of(np.diag([1.0, 2.0, 3.0]), np.ones((1, 3)), np.array([2]))
    assert loss == pytest.approx(0.40760596444438, rel=1e-12)
    wanted = [0.0900305731704, 0.2447284710548, -0.3347590442252]
    np.testing.assert_allclose(gradient[0], wanted, rtol=1e-10)


@BOTH
def test_small_weights_give_the_logarithm_of_the_classes(loss_of):
    x = np.random.default_rng(0).normal(size=(30, 7))
    loss, _ = loss_of(np.zeros((7, 10)), x, np.arange(30) % 10)
    assert loss == pytest.approx(np.log(10), rel=1e-12)


@BOTH
@pytest.mark.parametrize(
    "weights, x, labels",
    [
        (np.zeros((3, 2)), np.zeros((4, 5)), np.zeros(4, int)),
        (np.zeros((3, 2)), np.zeros((4, 3)), np.zeros(5, int)),
        (np.zeros((3, 2)), np.zeros((4, 3)), np.full(4, 2)),
        (np.zeros((3, 2)), np.zeros((4, 3)), np.full(4, -1)),
        (np.zeros((3, 2)), np.zeros((4, 3)), np.zeros(4)),
        (np.zeros((3, 2)), np.full((4, 3), np.nan), np.zeros(4, int)),
    ],
)
def test_what_does_not_fit_is_refused(loss_of, weights, x, labels):
    with pytest.raises(ValueError, match=loss_of.__name__):
        loss_of(weights, x, labels)
