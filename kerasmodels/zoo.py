"""Every system of the zoo: one line each, and the script that runs it."""

from typing import NamedTuple


class Entry(NamedTuple):
    """A system.

    name: of its script, its page and its figure.
    title: what it is.
    shows: what one learns from it.
    """

    name: str
    title: str
    shows: str

    @property
    def command(self):
        return f"python experiments/{self.name}.py"

    @property
    def page(self):
        return f"docs/{self.name}.md"


ENTRIES = (
    Entry(
        "bsde",
        "deep BSDE",
        "the solution of a 100-dimensional PDE, with its 95 % interval",
    ),
    Entry(
        "bsde_sweep",
        "deep BSDE, many runs",
        "equations times seeds side by side: how often the interval holds",
    ),
    Entry(
        "gru_step",
        "GRU, LSTM, simple RNN step by step",
        "a value worked out on paper is compared with Keras, and the mistake in it named",
    ),
    Entry(
        "generalized_dice",
        "generalized dice loss",
        "why only background is predicted, and the weight of a class that is not there",
    ),
    Entry(
        "perceptron_vs_sigmoid",
        "perceptron, sigmoid, threshold",
        "the loss is not the accuracy: start, bounded loss and threshold decide",
    ),
    Entry(
        "two_layer_net",
        "two-layer ReLU-softmax network",
        "the transpose in dW = a^T dz is where the batch is summed",
    ),
    Entry(
        "deep_mlp",
        "deep ReLU network at 10 %",
        "a product for a sum in the start values silences three hidden layers",
    ),
    Entry(
        "matrix_backprop",
        "sigmoid network by matrices",
        "a missing transpose runs only because the batch is as large as the output",
    ),
    Entry(
        "digits_mlp",
        "digits from scratch",
        "image to row, class to unit vector; a gradient that is a product of matrices",
    ),
    Entry(
        "softmax_loss",
        "softmax loss by loops and matrices",
        "the gradient is the error of the prediction times the input; exp needs a shift",
    ),
    Entry(
        "xor",
        "XOR with one hidden layer",
        "the weight carries the error back, not its gradient; equal sizes hide the slip",
    ),
    Entry(
        "line_fit",
        "line fit by single samples",
        "the path of slope and intercept belongs on the true cost",
    ),
    Entry(
        "one_weight",
        "one weight, one sample",
        "8 is the gradient at the output, 16 at the weight",
    ),
    Entry(
        "big_or_small",
        "2-2-1 network on numbers to 100",
        "right formulas on inputs that flatten every sigmoid",
    ),
    Entry(
        "constant_output",
        "sigmoid cross-entropy network",
        "outputs equal to the class shares mean that the input is ignored",
    ),
    Entry(
        "momentum",
        "momentum that does not start at zero",
        "a start velocity v0 pushes every weight by v0 momentum / (1 - momentum)",
    ),
    Entry(
        "loss_comparison",
        "four losses of the same predictions",
        "Keras rescales every row of probabilities to a sum of one, and reports nothing",
    ),
    Entry(
        "plus_one_sin",
        "LSTM on +1 and sin",
        "all weights train; the jump of the map is what is hard",
    ),
    Entry(
        "spiral",
        "linear softmax on a spiral",
        "at its best and half of it wrong: capacity, not training",
    ),
    Entry(
        "digits_notebook",
        "digits 64-50-10 with two gradients",
        "a gradient without the softmax's derivative is that of the cross-entropy",
    ),
    Entry(
        "parabola",
        "gradient descent on x^2 + 5",
        "the rate alone decides: falls, jumps, alternates, cycles, leaves",
    ),
    Entry(
        "miniflow",
        "MiniFlow, a graph of nodes",
        "backpropagation is the graph in reverse, with sums where a node is used twice",
    ),
    Entry(
        "housing",
        "regression on a table",
        "a training error says nothing without least squares and held-out rows beside it",
    ),
)


def markdown():
    """The table of the README."""
    lines = ["| system | what it shows | script | page |", "|---|---|---|---|"]
    for entry in ENTRIES:
        lines.append(
            f"| {entry.title} | {entry.shows} | `experiments/{entry.name}.py` | "
            f"[{entry.page}]({entry.page}) |"
        )
    return "\n".join(lines)


def listing():
    """One line per system, with its command, for a terminal."""
    width = max(len(entry.command) for entry in ENTRIES)
    return "\n".join(
        f"{entry.command:{width}}  {entry.title}: {entry.shows.replace('*', '')}"
        for entry in ENTRIES
    )
