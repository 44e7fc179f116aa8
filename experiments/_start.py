"""What every script imports first: a quiet TensorFlow, no screen, the clone it lies in."""

import os
import pathlib
import sys

# TensorFlow's start-up messages would bury the one line that matters.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")
# A GPU is shared: memory is taken as it is needed, not all at once.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
# Runs from a clone without an installation too.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
