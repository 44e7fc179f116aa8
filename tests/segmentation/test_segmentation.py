"""The offline sets, the network, and one training run."""

import keras
import numpy as np
import pytest

from kerasmodels import losses, segmentation
from tests.helpers import refusals


def test_digits_are_standardised_and_one_class_each():
    x, y = segmentation.segmented_digits(side=20, scale=1.5, seed=3)
    assert x.shape == (1797, 20, 20, 1) and y.shape == (1797, 20, 20)
    assert abs(x.mean()) < 1e-5 and abs(x.std() - 1) < 1e-5
    classes = [set(np.unique(mask)) - {0} for mask in y]
    assert all(len(found) == 1 for found in classes)
    assert set.union(*classes) == set(range(1, 11))
    # Every digit lies on its mask: its pixels are the bright ones.
    assert x[..., 0][y > 0].min() >= x[..., 0][y == 0].max()
    again = segmentation.segmented_digits(side=20, scale=1.5, seed=3)
    other = segmentation.segmented_digits(side=20, scale=1.5, seed=4)
    np.testing.assert_array_equal(again[1], y)
    assert np.any(other[1] != y)


def test_sphere_volumes_and_noise():
    x, y = segmentation.spheres(12, 20, (5.0, 3.0), noise=0.2, seed=1)
    assert x.shape == (12, 20, 20, 20, 1) and set(np.unique(y)) == {0, 1, 2}
    # The small one lies on top, whole: about 4/3 pi r^3 voxels, up to the lattice.
    counts = np.array([np.sum(mask == 2) for mask in y])
    np.testing.assert_allclose(counts, 4 / 3 * np.pi * 27, rtol=0.15)
    noise = x[..., 0] - y
    # 96,000 samples: three standard errors are below 0.002.
    assert abs(noise.mean()) < 0.002 and abs(noise.std() - 0.2) < 0.002


DATA = np.ones((2, 4, 4, 1)), np.zeros((2, 4, 4), int)


def test_bytes_are_images_and_large_seeds_are_seeds():
    image = np.full((1, 4, 4, 1), 200, "uint8")
    model = segmentation.UNet(2, width=2, seed=2**62)
    np.testing.assert_array_equal(model(image), model(image.astype("float32")))


def test_a_loss_that_is_not_finite_is_no_result():
    with pytest.raises(FloatingPointError, match="learning_rate"):
        segmentation.train_and_score(
            segmentation.UNet(2, width=2),
            losses.GeneralizedDice(),
            DATA,
            DATA,
            2,
            2,
            learning_rate=1e38,
        )


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_unet_in_any_dimension(axes):
    model = segmentation.UNet(3, axes, width=2, seed=5)
    x = np.random.default_rng(0).normal(size=(2, *(8, 4, 12)[:axes], 2)).astype("float32")
    y = model(x)
    assert y.shape == (*x.shape[:-1], 3)
    np.testing.assert_allclose(np.sum(y, axis=-1), 1, atol=1e-6)
    logits = segmentation.UNet(3, axes, width=2, seed=5, from_logits=True)
    np.testing.assert_allclose(keras.ops.softmax(logits(x)), y, atol=1e-6)
    other = segmentation.UNet(3, axes, width=2, seed=6)
    assert np.any(np.abs(other(x) - y) > 1e-3)


def test_unet_in_float64():
    model = segmentation.UNet(2, width=2, dtype="float64")
    assert model(np.ones((1, 4, 4, 1))).dtype == "float64"


@pytest.mark.parametrize("again", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_training_run_is_seeded_and_learns(again):
    x, y = segmentation.segmented_digits(side=8, scale=1)
    # Foreground against background: two classes that a few steps tell apart.
    y = np.minimum(y, 1)

    def result():
        return segmentation.train_and_score(
            segmentation.UNet(2, width=4),
            losses.GeneralizedDice(),
            (x[:160], y[:160]),
            (x[-100:], y[-100:]),
            epochs=6,
            batch_size=16,
            learning_rate=1e-2,
        )

    first = result()
    if again:
        assert result() == first
    assert first["loss"][-1] < first["loss"][0]
    # Chance is about 0.4; grey value alone decides.
    assert first["mean_dice"] > 0.8
    assert len(first["dice"]) == 2 and 0 < first["background_share"] < 1


test_bad_input = refusals(
    [
        (lambda: segmentation.UNet(1), "`num_classes`"),
        (lambda: segmentation.UNet(2, 4), "`spatial_axes`"),
        (lambda: segmentation.UNet(2, width=0), "`width`"),
        (lambda: segmentation.UNet(2, seed=-1), "`seed`"),
        (lambda: segmentation.UNet(2)(np.ones((1, 6, 8, 1))), "multiple of 4"),
        (lambda: segmentation.UNet(2)(np.ones((1, 8, 1))), "2 spatial axes"),
        (lambda: segmentation.UNet(2, spatial_axes=2.0), "`spatial_axes`"),
        (lambda: segmentation.spheres(1, 8, ()), "`radii`"),
        (lambda: segmentation.spheres(1, 8, (0.2,)), "at least 1"),
        (lambda: segmentation.place_digits(np.ones((1, 4, 4)), [0.5]), "`labels`"),
        (lambda: segmentation.place_digits(np.ones((1, 4, 4)), [-1]), "`labels`"),
        (lambda: segmentation.place_digits(np.zeros((1, 4, 4)), [1]), "above zero"),
        (lambda: segmentation.spheres(0), "`num_volumes`"),
        (lambda: segmentation.spheres(1, 8, (4.0,)), "`radii`"),
        (lambda: segmentation.segmented_digits(side=10), "`side`"),
        (lambda: segmentation.place_digits(np.ones((2, 4, 4)), [1]), "one label each"),
        (lambda: segmentation.place_digits(np.ones((2, 4)), [1, 2]), "(n, height, width)"),
        (
            lambda: segmentation.train_and_score(
                segmentation.UNet(2), "mse", DATA, DATA, 1
            ),
            "smaller `batch_size`",
        ),
        (
            lambda: segmentation.train_and_score(
                segmentation.UNet(2), "mse", (DATA[0], DATA[0]), DATA, 1, 2
            ),
            "an array of integers",
        ),
    ]
)
