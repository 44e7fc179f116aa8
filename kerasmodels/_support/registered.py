"""Classes and functions that a saved config names, and whether Keras can find them."""

import keras

from kerasmodels._support import checks

# Keras imports classes of these packages by itself.
_OF_KERAS = ("builtins", "keras", "keras_hub", "keras_cv", "keras_nlp")


def missing(config):
    """The first class or function of a config that nobody has registered, or None.

    Returns:
        The pair (what it is, what to do) in words, or None where Keras finds all of them.
    """
    todo = [config]
    while todo:
        value = todo.pop()
        if isinstance(value, list):
            todo += reversed(value)
        elif isinstance(value, dict):
            if _is_unknown(value):
                return _in_words(value)
            todo += reversed(value.values())
    return None


def deserialize(owner, config):
    """The object of a config; the error names the module to import for a missing class.

    Raises:
        ValueError: a class or function in it is neither Keras's nor registered.
    """
    try:
        return keras.saving.deserialize_keras_object(config)
    except (TypeError, ValueError) as error:
        unknown = missing(config)
        if unknown is None:
            raise
        found, advice = unknown
        raise checks.ArgumentError(
            checks.message(
                owner, "config", "one of classes that are imported", f"one {found}", advice
            )
        ) from error


def _is_unknown(config):
    """Whether a dict describes an object whose class is neither Keras's nor registered."""
    # Plain dicts and Keras's own marks, such as __tensor__, have no module.
    if not {"class_name", "config", "module", "registered_name"} <= config.keys():
        return False
    if str(config["module"]).partition(".")[0] in _OF_KERAS:
        return False
    return keras.saving.get_registered_object(_registered_name(config)) is None


def _registered_name(config):
    name = config["config"] if config["class_name"] == "function" else None
    return str(name or config["registered_name"] or config["class_name"])


def _in_words(config):
    kind = "function" if config["class_name"] == "function" else "class"
    name, module = _registered_name(config), config["module"]
    found = f"which needs the {kind} {checks.describe(name)}, which is not imported"
    if ">" not in name:
        # Registered names have a package in front, which a later decorator would add.
        told = checks.describe(name)
        return found, (
            f"The {kind} was not registered with Keras when it was saved: load the file "
            f"within `keras.saving.custom_object_scope({{{told}: ...}})`, with the {kind} "
            "for the dots."
        )
    if not isinstance(module, str) or not all(map(str.isidentifier, module.split("."))):
        # Keras writes no module for what the script itself defined.
        return found, (
            "The script that saved it defines it itself: move it to a module of its own, "
            "and import that before the file is loaded."
        )
    return found, f"Run `import {module[:80]}` before the file is loaded."


def require_registered(cls, what):
    """Raises ValueError where a file could not name this class.

    Args:
        cls: a class.
        what: str. What it is, for the error.
    """
    registered = keras.saving.get_registered_object(keras.saving.get_registered_name(cls))
    name = cls.__name__
    if registered is None:
        raise checks.ArgumentError(
            f"`{name}` is not registered with Keras, so no file of a model with this "
            f"{what} could be read back. Write "
            '`@keras.saving.register_keras_serializable(package="mine")` in the line above '
            f"`class {name}`."
        )
    # A cell of a notebook or a script that ran again defines the same class anew.
    if _place(registered) != _place(cls):
        raise checks.ArgumentError(
            f"`{name}` is registered with Keras under a name that now belongs to "
            f"`{'.'.join(_place(registered))}`, so that a file of a model with this {what} "
            "would be read back as that one. Give one of them another `package` or `name` "
            "in `register_keras_serializable`."
        )


def _place(cls):
    return cls.__module__, cls.__qualname__
