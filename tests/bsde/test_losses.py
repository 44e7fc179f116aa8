"""The clipped loss against its formula."""

import numpy as np
import pytest

from kerasmodels import bsde


def test_clipped_squared_error_by_hand():
    delta = np.array([0.5, -2.0, 3.0, -10.0])[:, None]
    # Quadratic up to 2, then 4 |delta| - 4.
    expected = [0.25, 4.0, 8.0, 36.0]
    loss = bsde.clipped_squared_error(np.zeros((4, 1)), delta, threshold=2.0)
    np.testing.assert_allclose(loss, expected, rtol=1e-14)
    mean = bsde.ClippedSquaredError(2.0, dtype="float64")(np.zeros((4, 1)), delta)
    assert float(mean) == pytest.approx(np.mean(expected), rel=1e-14)


@pytest.mark.parametrize("threshold", [0.0, -1.0, float("nan"), "wide"])
def test_bad_threshold_is_refused(threshold):
    with pytest.raises(ValueError, match="`threshold`"):
        bsde.ClippedSquaredError(threshold)
