"""GRU, LSTM and simple recurrent layers beside their written-out equations."""

from kerasmodels.recurrent.by_hand import (
    known_mistakes,
    values_with_mistake,
    verify_gru_by_hand,
    verify_lstm_by_hand,
    verify_simple_rnn_by_hand,
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
    "SimpleRNNStepVerifier",
    "StepReport",
    "known_mistakes",
    "values_with_mistake",
    "verify_gru_by_hand",
    "verify_lstm_by_hand",
    "verify_simple_rnn_by_hand",
]
