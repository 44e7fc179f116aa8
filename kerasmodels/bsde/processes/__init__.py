"""Forward SDEs with a step of their own: an equation takes one as its base class.

Each is an `Equation` that lacks `driver` and `terminal`. The step of each is driven by the
same increments dW that the recursion of u reads, in the direction of sigma dW, so that
z . dW keeps its meaning and grids of other steps share their noise.

| class | step |
|---|---|
| `CorrelatedGeometricBrownian` | exact |
| `OrnsteinUhlenbeck`, `HullWhite` | exact in each coordinate |
| `CoxIngersollRoss` | exact in mean and variance, positive; second order in law |
| `Heston` | the same for the variance; the discounted price is a martingale |
"""

from kerasmodels.bsde.processes.cox_ingersoll_ross import CoxIngersollRoss
from kerasmodels.bsde.processes.geometric_brownian import CorrelatedGeometricBrownian
from kerasmodels.bsde.processes.heston import Heston
from kerasmodels.bsde.processes.ornstein_uhlenbeck import HullWhite, OrnsteinUhlenbeck

__all__ = [
    "CoxIngersollRoss",
    "CorrelatedGeometricBrownian",
    "Heston",
    "HullWhite",
    "OrnsteinUhlenbeck",
]
