"""List of all systems of the zoo: a line for each, and the script that runs it."""

from typing import NamedTuple


class Entry(NamedTuple):
    """A system.

    name: the name of its script, its page and its figure.
    title: the system in a few words.
    shows: the lesson of it, in a line.
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
        "bsde_region",
        "deep BSDE, a region",
        "one solution for all starts and parameters, as a function and with intervals",
    ),
    Entry(
        "bsde_greeks",
        "deep BSDE, derivatives",
        "deltas, vegas and rho of 20 assets in one pass, each with its interval",
    ),
    Entry(
        "bsde_control",
        "deep BSDE, control",
        "the value of a control problem, its policy as a file, and what the policy costs",
    ),
    Entry(
        "gru_step",
        "GRU, LSTM, simple RNN step by step",
        "a value worked out on paper is compared with Keras, and its mistake is named",
    ),
    Entry(
        "generalized_dice",
        "generalized dice loss",
        "why only background is predicted, and which weight an absent class needs",
    ),
    Entry(
        "perceptron_vs_sigmoid",
        "perceptron, sigmoid, threshold",
        "a lower loss is not a higher accuracy: start, bounded loss and threshold decide",
    ),
    Entry(
        "two_layer_net",
        "two-layer ReLU-softmax network",
        "the product dW = a^T dz sums over the batch",
    ),
    Entry(
        "deep_mlp",
        "deep ReLU network at 10 %",
        "start weights sqrt(6 / (n m)) in place of sqrt(6 / (n + m)) silence the network",
    ),
    Entry(
        "matrix_backprop",
        "sigmoid network by matrices",
        "a missing transpose raises no error where the batch is as large as the output",
    ),
    Entry(
        "digits_mlp",
        "digits from scratch",
        "images are rows, classes unit vectors, and the gradient a product of matrices",
    ),
    Entry(
        "softmax_loss",
        "softmax loss by loops and matrices",
        "the gradient is the error of the prediction times the input; exp needs a shift",
    ),
    Entry(
        "xor",
        "XOR with one hidden layer",
        "the error goes back through W, not through its gradient; equal sizes hide a swap",
    ),
    Entry(
        "line_fit",
        "line fit by single samples",
        "a path of slope and intercept belongs on contours of its own cost",
    ),
    Entry(
        "one_weight",
        "one weight, one sample",
        "8 is the gradient at the output, 16 at the weight",
    ),
    Entry(
        "big_or_small",
        "2-2-1 network on numbers to 100",
        "the formulas are right, but inputs up to 100 saturate every sigmoid",
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
        "all weights train; the errors come from the jump of the map at 10",
    ),
    Entry(
        "spiral",
        "linear softmax on a spiral",
        "even the best weights are wrong on half of the points: capacity, not training",
    ),
    Entry(
        "digits_notebook",
        "digits 64-50-10 with two gradients",
        "a gradient without the softmax's derivative is that of the cross-entropy",
    ),
    Entry(
        "parabola",
        "gradient descent on x^2 + 5",
        "the learning rate alone decides whether x falls, alternates, cycles or diverges",
    ),
    Entry(
        "miniflow",
        "MiniFlow, a graph of nodes",
        "backpropagation is the graph in reverse, with a sum where a node is used twice",
    ),
    Entry(
        "housing",
        "regression on a table",
        "a training error is no result without least squares and held-out rows beside it",
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
