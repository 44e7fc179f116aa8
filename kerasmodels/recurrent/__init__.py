"""Recurrent layers beside their written-out equations, and a sequence with a jump."""

from kerasmodels.recurrent.by_hand import (
    known_mistakes,
    values_with_mistake,
    verify_gru_by_hand,
    verify_lstm_by_hand,
    verify_simple_rnn_by_hand,
)
from kerasmodels.recurrent.plus_one_sin import (
    SequenceLSTM,
    errors_by_regime,
    next_value,
    sequence,
    windows,
)
from kerasmodels.recurrent.report import StepReport
from kerasmodels.recurrent.verifier import (
    GRUStepVerifier,
    LSTMStepVerifier,
    SimpleRNNStepVerifier,
)

__all__ = [
    "GRUStepVerifier",
    "LSTMStepVerifier",
    "SequenceLSTM",
    "SimpleRNNStepVerifier",
    "StepReport",
    "errors_by_regime",
    "known_mistakes",
    "next_value",
    "sequence",
    "values_with_mistake",
    "verify_gru_by_hand",
    "verify_lstm_by_hand",
    "verify_simple_rnn_by_hand",
    "windows",
]
