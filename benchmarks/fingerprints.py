"""The modules that a script imports, and a fingerprint of the code of each.

Both are found in the source, without an import. A fingerprint is computed from the syntax
tree without positions, comments, docstrings and `pass`, so that formatting does not change
it. It is the same on Python 3.11 to 3.13, although `ast.dump` differs between them: a field
that one version adds is empty in code that the others can read, and empty fields are left
out.
"""

import ast
import functools
import hashlib
import pathlib
import re

# These modules record the numbers of a benchmark, and do not change them.
RECORDING = ("benchmarks/fingerprints.py", "benchmarks/evidence.py")


@functools.cache
def fingerprint(source):
    """Twelve hexadecimal digits of the code in `source`, a str."""
    text = "".join(_parts(ast.parse(source)))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:12]


def _parts(value):
    """The syntax tree as a sequence of ASCII strings."""
    if isinstance(value, list):
        yield "["
        for item in value:
            if not _does_nothing(item):
                yield from _parts(item)
                yield ","
        yield "]"
    elif isinstance(value, ast.AST):
        yield f"{type(value).__name__}("
        for name, field in sorted(ast.iter_fields(value)):
            if isinstance(value, ast.JoinedStr):
                field = _joined(field)
            # `kind` is the u of u"text". None and [] mark unused fields, except for the
            # value of a constant, which may be None.
            constant = isinstance(value, ast.Constant) and name == "value"
            if constant or (name != "kind" and field is not None and field != []):
                yield f"{name}="
                yield from _parts(field)
                yield ";"
        yield ")"
    else:
        # `repr` would depend on the characters that this Python's Unicode knows.
        yield f"{type(value).__name__}:{ascii(value)}"


def _does_nothing(node):
    """Whether a node is a statement without effect: `pass`, or a text on its own."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return isinstance(node.value.value, str)
    return isinstance(node, ast.Pass)


def _joined(values):
    """The parts of an f-string without empty texts, which some Pythons put between them."""
    found = []
    for value in values:
        if not isinstance(value, ast.Constant):
            found.append(value)
        elif found and isinstance(found[-1], ast.Constant):
            found[-1] = ast.Constant(found[-1].value + value.value)
        elif value.value:
            found.append(value)
    return found


def code(script, root):
    """The fingerprint of every module below `root` that a script imports.

    These are the script, the modules that it imports (inside functions too), those that
    they import, and so on, and each script of the same folder whose file name is a string
    in the code, because speed.py starts training_case.py by such a string. A package that
    is imported only for a submodule counts with its `__init__.py`, but without the imports
    of that file.

    Args:
        script: path of a Python file below `root`.
        root: path of the repository.

    Returns:
        A dict from paths, relative to `root`, to fingerprints, sorted.
    """
    root, script = pathlib.Path(root), pathlib.Path(script)
    followed, passed, waiting = set(), set(), [script]
    while waiting:
        path = waiting.pop()
        if path not in followed:
            followed.add(path)
            reached, on_the_way = _modules(path, root)
            waiting += reached
            passed.update(on_the_way)
    paths = {path.relative_to(root).as_posix(): path for path in followed | passed}
    return {
        name: fingerprint(paths[name].read_text(encoding="utf-8"))
        for name in sorted(paths)
        if name not in RECORDING
    }


def _modules(path, root):
    """The imports of the module at `path`: (files to follow, files only passed)."""
    reached, passed = [], []
    imports, texts = _named(path.read_text(encoding="utf-8"))
    for level, module, name in imports:
        if level:
            folder = path.parents[level - 1].relative_to(_top(path))
            module = ".".join([*folder.parts, *([module] if module else [])])
        files = _files_of(module, path, root)
        submodule = _files_of(f"{module}.{name}", path, root) if name else []
        passed += files
        if name:
            reached += submodule[-1:] or files[-1:]
        elif module != path.relative_to(root).parts[0]:
            # `import a.b` imports all of `a`. A module of `a` that imports `a` is already
            # part of that import.
            reached += files
    beside = [path.with_name(text) for text in texts]
    return reached + [file for file in beside if file.is_file()], passed


@functools.cache
def _named(source):
    """The imports as triples (level, module, name or None), and texts like "name.py"."""
    imports, texts = [], []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imports += [(0, alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imports += [(node.level, node.module, alias.name) for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.fullmatch(r"\w+\.py", node.value):
                texts.append(node.value)
    return imports, texts


def _top(path):
    """The folder in which a script finds its neighbours, and a module its own package."""
    folder = path.parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return folder


def _files_of(name, path, root):
    """The files of a dotted name, packages first; none for a module from elsewhere."""
    for folder in (_top(path), root):
        files = []
        for part in name.split("."):
            folder = folder / part
            choices = (folder / "__init__.py", folder.with_suffix(".py"))
            files += [file for file in choices if file.is_file()][:1]
        if len(files) == name.count(".") + 1:
            return files
    return []
