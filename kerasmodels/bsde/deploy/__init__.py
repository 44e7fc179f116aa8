"""Solutions as small Keras models of (t, x), for other programs and other runtimes."""

from kerasmodels.bsde.deploy.functions import PointFunction
from kerasmodels.bsde.deploy.models import Policy, Surface

__all__ = ["PointFunction", "Policy", "Surface"]
