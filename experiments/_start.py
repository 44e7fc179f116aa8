"""What every script imports first: a quiet TensorFlow, no screen, the clone it lies in."""

import os
import pathlib
import sys

# TensorFlow's start-up messages would bury the one line that matters.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")
# Runs from a clone without an installation too.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
