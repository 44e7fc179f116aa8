"""A small U-Net and two offline data sets, to try segmentation losses on."""

from kerasmodels.segmentation.data import place_digits, segmented_digits, spheres
from kerasmodels.segmentation.unet import UNet

__all__ = ["UNet", "place_digits", "segmented_digits", "spheres"]
