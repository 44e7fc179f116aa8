"""A GRU worked out on paper, checked against Keras and diagnosed.

With weights one, biases zero and x = (1, 1) Keras gives h = 0.20482421, 0.34675308. The
value 0.55 comes from a swapped update gate. The script prints that diagnosis. Then it makes
every known mistake on purpose, for a GRU, an LSTM and a simple recurrent cell with random
weights, and shows that each is named from values rounded to four decimals. About half a
minute.
"""

import _start  # noqa: F401

# isort: split
import keras
import matplotlib.pyplot as plt
import numpy as np

from kerasmodels import recurrent
from kerasmodels._scripts import command_line
from kerasmodels._support import files


def run(args):
    """The case of weights one, one mistake over ten steps, and every mistake in turn."""
    ones = {"kernel_initializer": "ones", "recurrent_initializer": "ones"}
    layer = keras.layers.GRU(1, **ones, dtype="float64")
    verifier = recurrent.GRUStepVerifier(layer)
    print("GRU, weights one, biases zero, x = (1, 1): what happens inside\n")
    print(f"{verifier.report([1.0, 1.0])}\n")
    steps = 4 if args.quick else 10
    trace = verifier.report([1.0] * steps)
    diagnosis = recurrent.verify_gru_by_hand(layer, [1.0, 1.0], 0.55)
    print(f"On paper: h = 0.55\n\n{diagnosis}\n")
    one_mistake = {
        name: recurrent.values_with_mistake(layer, [1.0] * steps, name)["h"]
        for name in ("update gate swapped", "hard sigmoid for sigmoid")
    }
    named = make_every_mistake(units=2 if args.quick else 3, seed=args.seed)
    width = max(len(row["mistake"]) for row in named)
    for row in named:
        verdict = "named" if row["named"] else "NOT NAMED"
        print(f"{row['cell']:17} {row['mistake']:{width}}  {verdict}")
    print()
    return {
        "h": [h[0] for h in trace["written_out"]["h"]],
        "trace": dict(trace),
        "by_hand_h": 0.55,
        "diagnosis": diagnosis["mistakes"],
        "h_with_one_mistake": {k: [h[0] for h in v] for k, v in one_mistake.items()},
        "mistakes": named,
        "largest_difference": max(trace["largest_difference"].values()),
    }


def make_every_mistake(units, seed):
    """Computes h with each mistake in turn, rounds it, and diagnoses it."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(4, units))
    rows = []
    gru, lstm, simple = keras.layers.GRU, keras.layers.LSTM, keras.layers.SimpleRNN
    for name, layer, verify in (
        ("GRU", gru(units), recurrent.verify_gru_by_hand),
        ("GRU, reset before", gru(units, reset_after=False), recurrent.verify_gru_by_hand),
        ("LSTM", lstm(units), recurrent.verify_lstm_by_hand),
        ("SimpleRNN", simple(units), recurrent.verify_simple_rnn_by_hand),
    ):
        layer.build((1, *x.shape))
        layer.set_weights([rng.normal(size=w.shape) for w in layer.weights])
        for mistake in recurrent.known_mistakes(layer):
            values = recurrent.values_with_mistake(layer, x, mistake)
            if values is None:
                continue
            paper = {"h": np.round(values["h"], 4).tolist()}
            report = verify(layer, x, paper)
            if report["agrees"]:
                # A mistake in the meaning of z alone does not change h.
                paper["z"] = np.round(values["z"], 4).tolist()
                report = verify(layer, x, paper)
            rows.append(
                {
                    "cell": name,
                    "mistake": mistake,
                    "diagnosis": report["mistakes"],
                    "named": report["mistakes"] == [mistake],
                }
            )
    return rows


def plot(result, path):
    """Gates and state over the steps, and the state with one mistake."""
    inside = result["trace"]["written_out"]
    steps = np.arange(1, len(result["h"]) + 1)
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for name, style in (("z", "-"), ("r", ":"), ("candidate", "--")):
        left.plot(steps, [v[0] for v in inside[name]], style, label=name, lw=2)
    left.plot(steps, result["h"], "k.-", label="h")
    left.set(xlabel="step", ylabel="value", ylim=(0, 1), title="inside the GRU")
    left.legend()
    right.plot(steps, result["h"], "k.-", label="Keras: h = z h + (1 - z) candidate")
    for (name, values), marker in zip(result["h_with_one_mistake"].items(), "sv"):
        right.plot(steps, values, marker + "--", ms=4, label=name)
    right.plot(1, result["by_hand_h"], "r*", ms=12, label="on paper: 0.55")
    right.set(xlabel="step", ylabel="h", ylim=(0, 1), title="the same with one mistake")
    right.legend(fontsize="small")
    files.save_figure(fig, path)
    plt.close(fig)


def main(argv=None):
    parser = command_line.make_parser("gru_step", __doc__)
    return command_line.execute(parser, parser.parse_args(argv), run, plot, summary)


def summary(result):
    """The line at the end of the output."""
    named = sum(row["named"] for row in result["mistakes"])
    h = ", ".join(f"{value:.8f}" for value in result["h"][:2])
    return (
        f"GRU: h = {h}; 0.55 on paper: {' or '.join(result['diagnosis'])}; "
        f"{named} of {len(result['mistakes'])} mistakes named"
    )


if __name__ == "__main__":
    main()
