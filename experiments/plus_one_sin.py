"""An LSTM on a sequence that counts up and falls back through a sine.

The sequence is next(v) = v + 1 below 10, and sin(v) from 10 on. All weights train, those of
the LSTM too. The errors come from the jump of 11.5 at 10, not from raw values up to 11 or
the `elu` output, which reaches -1 only at minus infinity. About two minutes.
"""

import _start  # noqa: F401

# isort: split
import keras
import numpy as np
from matplotlib.figure import Figure

from kerasmodels import recurrent
from kerasmodels._scripts import command_line
from kerasmodels._support import files

LENGTH = 8


def run(args):
    count, epochs = (400, 1) if args.quick else (4000, 60)
    x, y = recurrent.windows(count, LENGTH, args.seed)
    tests = recurrent.windows(2000, LENGTH, args.seed + 1)
    found = {}
    for name, scaled in (("as asked: elu, raw values", False), ("linear, scaled", True)):
        model = recurrent.SequenceLSTM(32, scaled=scaled, seed=args.seed)
        steps = epochs * -(-count // 32)
        rate = keras.optimizers.schedules.CosineDecay(5e-3, steps, alpha=0.01)
        model.compile(keras.optimizers.Adam(rate), "mse", steps_per_execution=8)
        model.build((None, LENGTH, 1))
        before = [w.numpy() for w in model.trainable_variables]
        model.fit(x, y, batch_size=32, epochs=epochs, shuffle=False, verbose=0)
        print(f"{name}: how far each weight went, against its size at the start")
        for weight, start in zip(model.trainable_variables, before):
            moved = np.linalg.norm(weight.numpy() - start)
            print(f"  {weight.path:45} {moved / max(np.linalg.norm(start), 1.0):.2f}")
        errors = recurrent.errors_by_regime(model, *tests)
        for regime in ("plus one", "sin", "near the jump"):
            part = errors[regime]
            if part["rmse"] is not None:
                print(f"  error {regime:14} {part['rmse']:.3f} ({part['count']} values)")
        print(f"  a constant would have {errors['constant']:.3f} on the sine\n")
        v = np.linspace(-1, 11, 241)
        starts = recurrent.sequence([3.3], LENGTH)
        said = model.predict(tests[0], verbose=0)[:, 0]
        last = tests[0][:, -1, 0]
        found[name] = {
            "errors": errors,
            "last": last.tolist(),
            "said": said.tolist(),
            "wrong": np.abs(said - tests[1][:, 0]).tolist(),
            "roll_out": model.roll_out(starts, 24)[0].tolist(),
        }
    return {
        "map": [v.tolist(), recurrent.next_value(v).tolist()],
        "true": recurrent.sequence([3.3], LENGTH + 24)[0, LENGTH:].tolist(),
        "models": found,
    }


def plot(result, path):
    """The map with the predictions, the error by distance to the jump, a roll-out."""
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    left.plot(*result["map"], "k.", ms=2, label="the map")
    right.plot(result["true"], "k", label="the sequence")
    for (name, found), color in zip(result["models"].items(), ("tab:red", "tab:blue")):
        last, wrong = np.array(found["last"]), np.array(found["wrong"])
        left.plot(last, found["said"], ".", ms=2, color=color, label=name)
        middle.loglog(np.abs(last - 10), wrong, ".", ms=2, color=color, label=name)
        right.plot(found["roll_out"], "--", color=color, label=name)
    left.set(xlabel="v", ylabel="next value", title="predictions")
    middle.set(xlabel="|v - 10|", ylabel="error", xlim=(1e-3, 12), title="test set")
    right.set(xlabel="step", ylabel="v", title="rolled out on its own predictions")
    left.legend(fontsize="small")
    right.legend(fontsize="small", loc="upper right", bbox_to_anchor=(1, 0.92))
    files.save_figure(figure, path)


def summary(result):
    parts = []
    for name, found in result["models"].items():
        errors = [found["errors"][key]["rmse"] for key in ("plus one", "sin")]
        told = [("none" if e is None else f"{e:.3f}") for e in errors]
        parts.append(f"{name}: error {told[0]} on +1, {told[1]} on sin")
    return "; ".join(parts)


def main(argv=None):
    return command_line.main("plus_one_sin", __doc__, argv, run, plot, summary)


if __name__ == "__main__":
    main()
