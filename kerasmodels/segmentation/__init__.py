"""A small U-Net and two offline data sets for segmentation losses."""

from kerasmodels.segmentation.data import place_digits, segmented_digits, spheres
from kerasmodels.segmentation.training import train_and_score
from kerasmodels.segmentation.unet import UNet

__all__ = ["UNet", "place_digits", "segmented_digits", "spheres", "train_and_score"]
