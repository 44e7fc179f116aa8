"""Flags of a script made from dataclasses: the settings of methods, one flag for each.

The annotation of a field gives the type, the field gives the default, and the entry under
"Args" in the docstring gives the help: of `name: type. Sentences.` the sentences.
"""

import argparse
import dataclasses
import inspect
import re
import types
import typing


def add(parser, methods, default, **defaults):
    """Adds a flag for each setting that can be typed.

    A setting of several methods has one flag, made from the first of them. Where their
    defaults differ, the parser's default is None.

    Args:
        parser: `argparse.ArgumentParser`.
        methods: dict of name -> dataclass.
        default: str. Name of the method whose settings come first; the help of the others
            begins with the names of their methods.
        **defaults: of settings whose flag has another default than the field.
    """
    group = parser.add_argument_group(
        "settings of the method",
        "Without its flag a setting has the default in brackets, or is None.",
    )
    ordered = {default: methods[default], **methods}
    for name in dict.fromkeys(name for cls in ordered.values() for name in flags(cls)):
        owners = {key: cls for key, cls in ordered.items() if name in flags(cls)}
        first = next(iter(owners.values()))
        text = arguments(first).get(name, "")
        if default not in owners:
            text = f"{', '.join(owners)}: {text}"
        values = {
            key: defaults.get(name, flags(cls)[name]["default"])
            for key, cls in owners.items()
        }
        same = len({repr(value) for value in values.values()}) == 1
        options = flags(first)[name]
        value = options["default"] = next(iter(values.values())) if same else None
        if not same:
            shown = ", ".join(f"{found} for {key}" for key, found in values.items())
            text += f" (default: {shown})"
        elif value is not None and value is not False:
            text += f" (default: {value})"
        group.add_argument(_flag(name), help=text.replace("%", "%%"), **options)


def chosen(args, cls):
    """The settings of one method, as the keywords of its constructor.

    None stands for the default of the field.
    """
    found = {name: getattr(args, name) for name in flags(cls)}
    optional = {f.name for f in dataclasses.fields(cls) if f.default is None}
    return {k: v for k, v in found.items() if v is not None or k in optional}


def refuse_others(parser, args, methods, name):
    """Ends the program where a setting was given that the method `name` does not have."""
    own = flags(methods[name])
    for other in methods.values():
        for setting in flags(other):
            given = getattr(args, setting) != parser.get_default(setting)
            if setting not in own and given:
                parser.error(
                    f"{_flag(setting)} is no setting of the method {name}, whose settings "
                    f"are {', '.join(map(_flag, own))}"
                )


def flags(cls):
    """Name -> keywords of `add_argument` with `default`, for each field with a flag.

    A field has one if its annotation is, or admits, int, float, str, bool, a `Literal` or
    a list of one of the first three.
    """
    hints = typing.get_type_hints(cls)
    found = {}
    for field in dataclasses.fields(cls):
        options = _options(hints[field.name], field.default)
        if options is not None:
            found[field.name] = {**options, "default": field.default}
    return found


def _options(annotation, default):
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    for part in typing.get_args(annotation) if union else (annotation,):
        origin, inner = typing.get_origin(part), typing.get_args(part)
        if origin is typing.Literal:
            return {"choices": inner}
        if origin is list and inner[0] in (int, float, str):
            return {"type": inner[0], "nargs": "+"}
        if part is bool and default is False:
            return {"action": "store_true"}
        if part is bool:
            return {"action": argparse.BooleanOptionalAction}
        if part in (int, float, str):
            return {"type": part}
    return None


def arguments(cls):
    """Name -> sentences after the type, from the section "Args" of a docstring."""
    section = re.search(r"^Args:\n((?:[ ]{4}.*\n|\n)*)", inspect.getdoc(cls) + "\n", re.M)
    entries = re.findall(
        r"^[ ]{4}(\w+): (.*(?:\n[ ]{5,}.*)*)", section[1] if section else "", re.M
    )
    texts = {name: " ".join(text.split()) for name, text in entries}
    return {name: text.partition(". ")[2] for name, text in texts.items()}


def _flag(name):
    return f"--{name.replace('_', '-')}"
