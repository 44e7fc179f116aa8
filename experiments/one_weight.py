"""One weight, one sample: is the gradient 8 or 16?

y_hat = w x with w = 3, x = 2, and the loss (y_hat - 2)^2. At y_hat the derivative is
2 (6 - 2) = 8; at w it is that times d y_hat / dw = x = 2, which is 16. About ten seconds.
"""

import _start  # noqa: F401

# isort: split
import numpy as np

from kerasmodels._scripts import command_line, pair_script


def run(args):
    return pair_script.run(args, "one_weight", chain)


def chain(variants, args):
    """The links of the chain rule, from the model itself."""
    fixed = variants["as fixed"]
    (x, y), w = fixed.train, float(fixed.start[0][0, 0])
    fixed.model.set_weights(fixed.start)
    output, caches = fixed.model.forward(x.astype("float32"))
    loss = fixed.model.loss
    links = {
        "w": w,
        "y_hat = w x": float(output[0, 0]),
        "loss = (y_hat - y)^2": float(loss(y, output)),
        "d loss / d y_hat": float(loss.derivative(y.astype("float32"), output)[0, 0]),
        "d y_hat / d w": float(x[0, 0]),
        "d loss / d w": float(fixed.model.backward(caches, y)[0][0, 0]),
    }
    for name, value in links.items():
        print(f"{name:22} {value:g}")
    print()
    return links


def plot(result, path):
    pair_script.plot(result, path, 1, draw)


def draw(axes, result):
    w = np.linspace(-2.2, 4.2, 200)
    axes[0].plot(w, (2 * w - 2) ** 2, "k", label="loss (2 w - 2)^2")
    near = np.array([2.0, 4.0])
    for slope, color in ((16, "tab:blue"), (8, "tab:red")):
        axes[0].plot(near, 16 + slope * (near - 3), color=color, label=f"slope {slope}")
    axes[0].plot([3], [16], "ko")
    axes[0].set(xlabel="w", ylabel="loss", title="the tangent at w = 3")
    axes[0].legend(fontsize="small")


def main(argv=None):
    return command_line.main("one_weight", __doc__, argv, run, plot, pair_script.summary)


if __name__ == "__main__":
    main()
