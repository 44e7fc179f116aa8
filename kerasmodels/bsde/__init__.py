"""The deep BSDE method: high-dimensional semilinear parabolic PDEs as Keras models."""

from kerasmodels._support.workers import WorkerLost
from kerasmodels.bsde.approximation import Approximation
from kerasmodels.bsde.control import (
    ControlProcess,
    ExactControl,
    ExchangeableControl,
    LayerControl,
    PerStepControl,
    SharedControl,
    StackedControl,
    TerminalSkip,
    ZSubnet,
)
from kerasmodels.bsde.curve import Curve, curve
from kerasmodels.bsde.deploy import PointFunction, Policy, Surface
from kerasmodels.bsde.equation import (
    Equation,
    GeometricBrownian,
    Published,
    Reference,
    squared_norm,
)
from kerasmodels.bsde.equations import *  # noqa: F403  (its __all__ is the list)
from kerasmodels.bsde.equations import __all__ as _equations
from kerasmodels.bsde.equations.control_problem import ControlProblem
from kerasmodels.bsde.equations.discounted import Discounted
from kerasmodels.bsde.equations.family import Family
from kerasmodels.bsde.estimate.derivatives import Derivatives, JumpError
from kerasmodels.bsde.estimate.estimator import estimate_u0
from kerasmodels.bsde.estimate.interval import Estimate
from kerasmodels.bsde.estimate.newton import NewtonWarning
from kerasmodels.bsde.fleet.on_ray import solve_on_ray
from kerasmodels.bsde.fleet.sweep import sweep
from kerasmodels.bsde.methods.base import Method, MethodFailed
from kerasmodels.bsde.methods.deep_bsde.function import NetworkFunction
from kerasmodels.bsde.methods.deep_bsde.global_model import GlobalModel
from kerasmodels.bsde.methods.deep_bsde.losses import (
    ClippedSquaredError,
    clipped_squared_error,
)
from kerasmodels.bsde.methods.deep_bsde.method import DeepBSDE
from kerasmodels.bsde.methods.deep_bsde.optimizer import decaying_adam
from kerasmodels.bsde.methods.deep_bsde.pretraining import (
    fit_subnets,
    load_subnets,
    pretrain_subnets,
    save_subnets,
    z_samples,
)
from kerasmodels.bsde.methods.deep_bsde.settings import default_settings
from kerasmodels.bsde.methods.deep_bsde.start import baseline
from kerasmodels.bsde.methods.deep_bsde.training import train
from kerasmodels.bsde.methods.monte_carlo import MonteCarlo
from kerasmodels.bsde.methods.regression.function import RegressionFunction
from kerasmodels.bsde.methods.regression.method import Regression
from kerasmodels.bsde.paths.dataset import path_dataset
from kerasmodels.bsde.paths.distributed import distributed_paths
from kerasmodels.bsde.paths.grid import tile_times, time_grid
from kerasmodels.bsde.paths.sampling import sample_paths
from kerasmodels.bsde.policy_cost import PolicyCost
from kerasmodels.bsde.processes import (
    CorrelatedGeometricBrownian,
    CoxIngersollRoss,
    Heston,
    HullWhite,
    OrnsteinUhlenbeck,
)
from kerasmodels.bsde.solution import Solution
from kerasmodels.bsde.solve import solve
from kerasmodels.bsde.starts import (
    BoxStart,
    LineStart,
    LogNormalStart,
    NormalStart,
    PointsStart,
    SampledStart,
)
from kerasmodels.bsde.values import Values
from kerasmodels.bsde.verify.checking import EquationError, check_equation
from kerasmodels.bsde.verify.symmetry import is_exchangeable
from kerasmodels.runs.backup import Backup
from kerasmodels.runs.checkpoints import CheckpointError, Checkpoints
from kerasmodels.runs.distribution import connect, joined
from kerasmodels.runs.monitor import DivergenceWarning
from kerasmodels.runs.run import Run

__all__ = [
    "Approximation",
    "Backup",
    "BoxStart",
    "CheckpointError",
    "Checkpoints",
    "ClippedSquaredError",
    "ControlProblem",
    "ControlProcess",
    "CorrelatedGeometricBrownian",
    "CoxIngersollRoss",
    "Curve",
    "DeepBSDE",
    "Derivatives",
    "Discounted",
    "DivergenceWarning",
    "Equation",
    "EquationError",
    "Estimate",
    "Family",
    "ExactControl",
    "ExchangeableControl",
    "GeometricBrownian",
    "GlobalModel",
    "Heston",
    "HullWhite",
    "JumpError",
    "LayerControl",
    "LineStart",
    "LogNormalStart",
    "Method",
    "MethodFailed",
    "MonteCarlo",
    "NetworkFunction",
    "NewtonWarning",
    "NormalStart",
    "OrnsteinUhlenbeck",
    "PerStepControl",
    "PointFunction",
    "PointsStart",
    "Policy",
    "PolicyCost",
    "Published",
    "Reference",
    "Regression",
    "RegressionFunction",
    "Run",
    "SampledStart",
    "SharedControl",
    "StackedControl",
    "Surface",
    "Values",
    "WorkerLost",
    "ZSubnet",
    "check_equation",
    "connect",
    "distributed_paths",
    "joined",
    "clipped_squared_error",
    "curve",
    "path_dataset",
    "sample_paths",
    "squared_norm",
    "tile_times",
    "time_grid",
    "Solution",
    "decaying_adam",
    "estimate_u0",
    "is_exchangeable",
    "default_settings",
    "fit_subnets",
    "load_subnets",
    "pretrain_subnets",
    "save_subnets",
    "solve",
    "solve_on_ray",
    "sweep",
    "train",
    "z_samples",
    "TerminalSkip",
    "baseline",
    *_equations,
]
