"""Problems outside the class of equations, recognised by the names of their parts.

Without this check a boundary condition in a method that this package never calls would have
no effect, and u among the arguments of `drift` would end in a TypeError about positions.
"""

import inspect
import re
from typing import NamedTuple

# The arguments of each coefficient, by position. Users may give them other names.
ARGUMENTS = {
    "drift": ("t", "x"),
    "diffusion_prod": ("t", "x", "dw"),
    "step": ("t", "dt", "x", "dw"),
    "driver": ("t", "x", "u", "z"),
    "terminal": ("x",),
    "exact_solution": ("t", "x"),
}
_FORWARD = ("drift", "diffusion_prod", "step")
_COEFFICIENTS = (*_FORWARD, "driver", "terminal")
PAGE = 'docs/bsde.md, "What it cannot do", lists what is outside and what helps.'


class _Kind(NamedTuple):
    """One kind of problem outside of the class.

    words: a regular expression for the names of its parts.
    arguments: names of arguments that only such a problem needs.
    sentence: what is outside, and what can be done instead.
    """

    words: str
    arguments: frozenset
    sentence: str


_COUPLED = (
    "Coefficients of the forward SDE that depend on u or z (a coupled system) are outside "
    "of this class of equations. A drift sigma b(u, z) belongs in `driver`, as b . z; a "
    "noise that depends on u or z cannot be moved."
)
_KINDS = {
    "boundary": _Kind(
        "boundary|boundaries|barrier|knock_?out|knock_?in|dirichlet|neumann|alive|absorbing",
        frozenset(),
        "Boundary conditions (barriers, knock-out, domains) are outside of this class of "
        "equations, which hold on all of space up to T. Paths that are stopped at a "
        "boundary miss its crossings between two time steps, and the interval does not "
        "contain that error.",
    ),
    "exercise": _Kind(
        "obstacle|exercise|early_exercise|american|bermudan|stopping",
        frozenset(),
        "Early exercise and obstacles are outside of this class of equations. A penalty "
        "p (obstacle - u)^+ in `driver` approximates them.",
    ),
    "jump": _Kind(
        "jump|poisson|levy|compensator",
        frozenset({"dn", "dj", "jump", "jumps"}),
        "Jumps are outside of this class of equations: the noise is a Brownian motion.",
    ),
    "mean field": _Kind(
        "mean_?field|mckean|mckean_vlasov|law",
        frozenset({"law", "mean", "measure", "mean_field"}),
        "Coefficients that depend on the law of X (mean field) are outside of this class "
        "of equations: every path is drawn on its own.",
    ),
    "second derivative": _Kind(
        "hessian",
        frozenset({"hessian", "hess", "gamma", "u_xx", "d2u", "uxx"}),
        "A driver of the second derivatives of u (a fully nonlinear equation) is outside "
        "of this class of equations: Hess u appears in Tr(sigma sigma^T Hess u) alone.",
    ),
}
_AROUND = (
    r"_*(?:(?:lower|upper|up|down|low|high|left|right|is|in|at|on|has)_)?(?:{})s?"
    r"(?:_(?:condition|level|value|type|price|rate|size|time|intensity|low|high|and_\w+))?"
)


def problem_outside(equation):
    """A clause on what puts `equation` outside the class, or None.

    Arguments of the coefficients are compared by name and number. A method or attribute
    with a name of `_KINDS` is accepted where the coefficients use it, because then it is a
    number or a function in their formulas; a boundary that moves the paths is refused.
    """
    return _wrong_arguments(equation) or _unused_part(equation)


def _wrong_arguments(equation):
    for name, expected in ARGUMENTS.items():
        try:
            signature = inspect.signature(getattr(equation, name))
        except (TypeError, ValueError):
            continue
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        given = [n for n, p in signature.parameters.items() if p.kind in kinds]
        told = f"has to take ({', '.join(expected)}) in `{name}`. Received: "
        told += f"({', '.join(given)})."
        extra = {n.lower() for n in signature.parameters} - set(expected)
        # More arguments than these: one more by name, or the state under another name?
        more = len(signature.parameters) > len(expected)
        if name in _FORWARD and more and extra & {"u", "y", "z"}:
            return f"{told} {_COUPLED}"
        try:
            signature.bind(*expected)
        except TypeError:
            return f"{told} {_advice(name, extra)}"
        if given[: len(expected)] != list(expected) and sorted(given) == sorted(expected):
            return f"{told} The order counts, not the names."
    return None


def _advice(name, extra):
    for kind in _KINDS.values():
        if extra & kind.arguments:
            return kind.sentence
    if name == "terminal":
        return (
            "g reads the state at T alone; a function of the whole path (a mean, a "
            "maximum) needs a state of its own."
        )
    return "Constants are attributes of the equation."


def _unused_part(equation):
    names = {*vars(equation)}.union(*(vars(cls) for cls in _own_classes(equation)))
    names -= {*ARGUMENTS, "reference", "published"}
    for kind, (words, _, sentence) in _KINDS.items():
        pattern = re.compile(_AROUND.format(words))
        for name in sorted(n for n in names if pattern.fullmatch(n.lower())):
            value = inspect.getattr_static(equation, name)
            if value is None or value is False:
                continue
            users = [method for method in _COEFFICIENTS if _uses(equation, method, name)]
            if not users:
                return f"has `{name}`, which no coefficient uses. {sentence}"
            moved = [method for method in users if method in _FORWARD]
            if kind == "boundary" and moved:
                return f"has `{name}`, which `{moved[0]}` uses. {sentence}"
    return None


def _own_classes(equation):
    """The classes of an equation up to `Equation`, without it."""
    classes = type(equation).__mro__
    names = [f"{cls.__module__}.{cls.__qualname__}" for cls in classes]
    return classes[: names.index("kerasmodels.bsde.equation.Equation")]


def _uses(equation, method, wanted):
    """Whether the code of `method`, or of what it calls here, names an attribute."""
    seen, waiting = set(), [method]
    while waiting:
        name = waiting.pop()
        for cls in _own_classes(equation):
            for used in _names_in(vars(cls).get(name)):
                if used == wanted:
                    return True
                if used not in seen:
                    seen.add(used)
                    waiting.append(used)
    return False


def _names_in(member):
    """The global names and attributes in the code of a member of a class."""
    for attribute in ("fget", "__func__", "python_function"):
        member = getattr(member, attribute, member)
    code = getattr(inspect.unwrap(member) if callable(member) else None, "__code__", None)
    waiting, names = [code] if code else [], set()
    while waiting:
        code = waiting.pop()
        names.update(code.co_names)
        waiting += [part for part in code.co_consts if inspect.iscode(part)]
    return names
