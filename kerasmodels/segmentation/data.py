"""Small data sets for segmentation without a download: digits in 2-D, spheres in 3-D."""

import numpy as np
from scipy import ndimage

from kerasmodels._support import checks, memory


def place_digits(images, labels, side=24, scale=2, threshold=0.5, seed=0):
    """Puts each digit at a random place on an empty canvas; its pixels get its class.

    Args:
        images: array `[n, height, width]`, grey values from 0 to 1.
        labels: int array `[n]` from 0. Class 0 of the mask is the background, digit k is
            class k + 1.
        side: int. Pixels of the square canvas.
        scale: number > 0. The images are first enlarged by it, linearly.
        threshold: float. Grey value from which a pixel belongs to the digit.
        seed: int. Of the places.

    Returns:
        float32 images `[n, side, side, 1]` with mean 0 and deviation 1 over the set, and
        int32 masks `[n, side, side]`.

    Raises:
        ValueError: shapes do not fit, or the canvas is too small.
    """
    owner = "place_digits"
    seed = checks.seed_int(owner, seed)
    images = checks.finite_array(owner, "images", images)
    labels = checks.labels(owner, "labels", labels)
    if np.any(labels < 0):
        raise checks.ArgumentError(
            checks.message(
                owner, "labels", "integers from 0", f"labels={checks.describe(labels)}"
            )
        )
    threshold = checks.finite_float(owner, "threshold", threshold, at_least=0.0)
    if images.ndim != 3 or labels.shape != images.shape[:1] or not len(images):
        raise checks.ArgumentError(
            checks.message(
                owner,
                "images",
                "of shape (n, height, width), with one label each",
                f"shape {images.shape} with labels of shape {labels.shape}",
            )
        )
    side = checks.positive_int(owner, "side", side)
    scale = checks.finite_float(owner, "scale", scale, above=0.0)
    height, width = (round(scale * size) for size in images.shape[1:])
    if max(height, width) > side:
        raise checks.ArgumentError(
            checks.message(
                owner,
                "scale",
                f"such that the digit fits into a `side` of {side}",
                f"scale={scale:g}, a digit of {height}x{width}",
            )
        )
    memory.fits(
        owner,
        "side",
        3 * len(images) * side**2,
        "float64",
        f"{len(images)} images of {side}x{side}",
        "Take a smaller canvas.",
    )
    images = ndimage.zoom(images, (1, scale, scale), order=1)
    _, height, width = images.shape
    if not images.size or images.max() == images.min() == 0:
        raise checks.ArgumentError(
            checks.message(
                owner, "images", "with pixels above zero", f"{height}x{width}, all zero"
            )
        )
    rng = np.random.default_rng(seed)
    tops = rng.integers(0, side - height + 1, len(images))
    lefts = rng.integers(0, side - width + 1, len(images))
    canvas = np.zeros((len(images), side, side))
    for place, image, top, left in zip(canvas, images, tops, lefts):
        place[top : top + height, left : left + width] = image
    mask = np.where(canvas > threshold, labels[:, None, None] + 1, 0).astype("int32")
    canvas = (canvas - canvas.mean()) / canvas.std()
    return canvas[..., None].astype("float32"), mask


def segmented_digits(side=24, scale=2, seed=0):
    """The 1797 handwritten 8x8 digits that come with scikit-learn, as `place_digits`.

    About nine tenths of the pixels are background; every image holds one of ten classes.

    Source: Alpaydin, Kaynak (1998), https://doi.org/10.24432/C50P49.

    Returns:
        float32 images `[1797, side, side, 1]` and int32 masks `[1797, side, side]`.

    Raises:
        ValueError: as `place_digits`.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    return place_digits(digits.images / 16, digits.target, side, scale, seed=seed)


def spheres(num_volumes, side=24, radii=(5.0, 3.0, 2.0), noise=0.3, seed=0):
    """Volumes with one sphere per class on a noisy background.

        value = k + 1 inside the sphere of class k + 1, 0 outside, plus normal noise

    Args:
        num_volumes: int.
        side: int. Voxels along each of the three axes.
        radii: one radius in voxels per class, classes 1, 2, ...; class 0 is the
            background. Later spheres lie over earlier ones.
        noise: float. Deviation of the noise, in the unit of the values.
        seed: int.

    Returns:
        float32 volumes `[n, side, side, side, 1]` and int32 masks `[n, side, side, side]`.

    Raises:
        ValueError: a sphere does not fit into the volume.
    """
    owner = "spheres"
    num_volumes = checks.positive_int(owner, "num_volumes", num_volumes)
    side = checks.positive_int(owner, "side", side)
    radii = checks.finite_array(owner, "radii", radii).reshape(-1).tolist()
    # A sphere with a smaller radius may contain no voxel.
    radii = [checks.finite_float(owner, "radii", r, at_least=1.0) for r in radii]
    noise = checks.finite_float(owner, "noise", noise, at_least=0.0)
    if not radii or 2 * max(radii) + 1 > side:
        raise checks.ArgumentError(
            checks.message(
                owner,
                "radii",
                f"numbers, each less than half of the {side} voxels",
                f"radii={radii}",
            )
        )
    memory.fits(
        owner,
        "side",
        (3 * num_volumes + 6) * side**3,
        "float64",
        f"{num_volumes} volumes of {side} voxels along each axis",
        "Take fewer or smaller volumes.",
    )
    rng = np.random.default_rng(checks.seed_int(owner, seed))
    grid = np.indices((side, side, side)).transpose(1, 2, 3, 0)
    mask = np.zeros((num_volumes, side, side, side), "int32")
    for k, radius in enumerate(radii, start=1):
        centres = rng.uniform(radius, side - 1 - radius, (num_volumes, 3))
        for volume, centre in zip(mask, centres):
            volume[np.sum((grid - centre) ** 2, axis=-1) <= radius**2] = k
    values = mask + noise * rng.normal(size=mask.shape)
    return values[..., None].astype("float32"), mask
