"""Settings for every script, imported first: quiet TensorFlow, no screen, this clone."""

import os
import pathlib
import sys

# TensorFlow's start-up messages would hide the output of the script.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")
# A GPU may be shared, so memory is taken as it is needed, not all at once.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
# The script must also run from a clone without an installation.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
