"""The losses of one pair of predictions, as they stand in every textbook's margin."""

import keras
import numpy as np
import pytest

from kerasmodels import losses

Y = [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
P = [[0.9, 0.2, 0.2], [0.2, 0.8, 0.3]]


def compared():
    with pytest.warns(UserWarning, match="2 of 2 rows .* row 0 with 1.3"):
        return losses.compare_losses(Y, P)


def test_rows_that_sum_to_one_need_no_warning_and_certainty_has_a_loss():
    found = losses.compare_losses([[1, 0], [0, 1]], [[1.0, 0.0], [0.4, 0.6]])
    assert found["not_normalised"] == [] and found["accuracy"] == 1.0
    keras_value = keras.losses.CategoricalCrossentropy()([[1, 0]], [[0.0, 1.0]])
    wrong = losses.compare_losses([[1, 0]], [[0.0, 1.0]])
    assert wrong["renormalised"]["mean"] == pytest.approx(float(keras_value), rel=1e-5)


def test_numbers():
    found = compared()
    for name, rows in (
        ("squared error", [0.03, 0.39]),
        ("log-likelihood", [0.10536051565782628, 1.2039728043259361]),
        ("renormalised", [0.3677247801253174, 1.4663370687934272]),
    ):
        np.testing.assert_allclose(found[name]["rows"], rows, rtol=1e-9)
        assert found[name]["mean"] == pytest.approx(np.mean(rows), rel=1e-9)
    assert found["binary cross-entropy"]["mean"] == pytest.approx(
        0.5980336477267487, rel=1e-9
    )
    # As the sums of all outputs, as some write them.
    assert sum(found["log-likelihood"]["rows"]) == pytest.approx(
        1.3093333199837622, rel=1e-9
    )
    assert 3 * sum(found["binary cross-entropy"]["rows"]) == pytest.approx(
        3.588201886360492, rel=1e-9
    )
    assert found["accuracy"] == 0.5 and found["not_normalised"] == [0, 1]


def test_two_of_them_are_keras():
    found = compared()
    for name, loss in (
        ("squared error", keras.losses.MeanSquaredError()),
        ("renormalised", keras.losses.CategoricalCrossentropy()),
        ("binary cross-entropy", keras.losses.BinaryCrossentropy()),
    ):
        assert found[name]["mean"] == pytest.approx(float(loss(Y, P)), rel=1e-5)


@pytest.mark.parametrize(
    "y, p, match",
    [
        (Y, P[:1], "shapes"),
        (Y, [[1.1, 0.2, 0.2], [0.2, 0.8, 0.3]], "between 0 and 1"),
        ([[0.5, 0.5]], [[0.5, 0.5]], "`y_true` to be 0 or 1"),
        ([[1.0]], [[0.5]], "two outputs or more"),
        (Y, "a", "`y_pred`"),
    ],
)
def test_bad_input_is_refused(y, p, match):
    with pytest.raises(ValueError, match=match):
        losses.compare_losses(y, p)
