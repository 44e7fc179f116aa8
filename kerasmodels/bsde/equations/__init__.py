"""The PDE zoo: a file per family, and the one list of names."""

from kerasmodels.bsde.equations.allen_cahn import AllenCahn
from kerasmodels.bsde.equations.black_scholes import (
    BlackScholesBarenblatt,
    BlackScholesBasket,
)
from kerasmodels.bsde.equations.burgers import Burgers
from kerasmodels.bsde.equations.geometric_basket import GeometricBasketCall
from kerasmodels.bsde.equations.heat import Heat
from kerasmodels.bsde.equations.hjb import HJB
from kerasmodels.bsde.equations.hure_pham_warin import HurePhamWarin
from kerasmodels.bsde.equations.linear_quadratic import LinearQuadratic
from kerasmodels.bsde.equations.pricing import DefaultRisk, DifferentRates
from kerasmodels.bsde.equations.quadratic_gradient import QuadraticGradient
from kerasmodels.bsde.equations.reaction_diffusion import ReactionDiffusion

# A new equation is one file and one line here, with its name on the command line.
EQUATIONS = {
    "hjb": HJB,
    "allen-cahn": AllenCahn,
    "burgers": Burgers,
    "black-scholes-barenblatt": BlackScholesBarenblatt,
    "quadratic-gradient": QuadraticGradient,
    "reaction-diffusion": ReactionDiffusion,
    "hure-pham-warin": HurePhamWarin,
    "different-rates": DifferentRates,
    "default-risk": DefaultRisk,
    "black-scholes-basket": BlackScholesBasket,
    "geometric-basket": GeometricBasketCall,
    "linear-quadratic": LinearQuadratic,
    "heat": Heat,
}

__all__ = ["EQUATIONS", *(cls.__name__ for cls in EQUATIONS.values())]
