"""The origin of a committed number: machine, commit, code, and the changes since then.

The "measured" of a result file has an entry for every state of the code with which numbers
of the file were measured. An entry has the benchmark, the machine, the commit, whether the
tree was clean, and the fingerprints of the modules that the benchmark imports. A file that
is written at once has one entry; in a file that is written run by run, each run names its
entry.
"""

import collections
import hashlib
import json
import pathlib
import subprocess
import time

import fingerprints

from kerasmodels._support.machine import machine

ROOT = pathlib.Path(__file__).resolve().parents[1]
REPAIR = "python benchmarks/report.py"
# The code that makes the numbers. A benchmark itself writes into the excluded folder.
CODE = ("benchmarks", "kerasmodels", ":!benchmarks/results")
# The largest number of changed modules that a page lists by name.
_LISTED = 40
# The measured code is imported after this time.
STARTED = time.time()


def script_of(path):
    """The benchmark that writes a result file: accuracy.py writes accuracy.json."""
    return ROOT / "benchmarks" / f"{pathlib.Path(path).stem}.py"


def git(root, *arguments):
    """The output of git, or None without git or without a repository."""
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def entry(script, root=ROOT, started=STARTED):
    """The state of the code now, as an entry of "measured".

    Args:
        script: path of the benchmark.
        root: path of the repository.
        started: seconds since the epoch, when the measured code was imported. A module
            that was written later has None for its fingerprint, which equals no other.
    """
    code = fingerprints.code(script, root)
    late = [path for path in code if (root / path).stat().st_mtime > started]
    changes = git(root, "status", "--porcelain", "--untracked-files=all", "--", *CODE)
    return {
        "script": pathlib.Path(script).relative_to(root).as_posix(),
        "machine": machine(),
        "commit": git(root, "rev-parse", "HEAD"),
        # None means not known.
        "clean": None if changes is None else changes == "" and not late,
        "code": code | dict.fromkeys(late),
    }


def name_of(found):
    """A name for an entry: the beginning of its commit, and of a hash of all of it."""
    digest = hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
    return f"{(found['commit'] or 'unknown')[:7]}-{digest[:6]}"


def stamp(results, found, runs=None):
    """Adds an entry to `results`, and its name to each new run.

    Args:
        results: dict, changed in place.
        found: what `entry` returns.
        runs: None where all of `results` is new. Otherwise a list of the dicts in it that
            were measured one by one: those that name no entry yet are new.
    """
    name = name_of(found)
    if runs is None:
        results["measured"] = {name: found}
        return
    for run in runs:
        run.setdefault("measured", name)
    known = {**results.get("measured", {}), name: found}
    used = {run["measured"] for run in runs}
    results["measured"] = {name: value for name, value in known.items() if name in used}


def changes(results, root=ROOT):
    """The modules whose code has changed since a number in `results` was measured.

    Returns:
        (changes, number of modules): `changes` is a dict from paths to "changed", "new"
        (the benchmark did not import the module) or "gone" (it no longer does).
    """
    found, everything = {}, set()
    for then in results["measured"].values():
        script = root / then["script"]
        today = fingerprints.code(script, root) if script.exists() else {}
        then = then["code"]
        everything |= today.keys() | then.keys()
        for path in today.keys() | then.keys():
            if path not in today or path not in then:
                found.setdefault(path, "gone" if path in then else "new")
            elif then[path] != today[path]:
                found[path] = "changed"
    return found, len(everything)


def told(results, root=ROOT):
    """The lines under a table: machine, commits, and the modules that changed since."""
    found, number = changes(results, root)
    if not found:
        return f"{origin(results)} The code has not changed since, but for comments."
    if len(found) > _LISTED:
        return (
            f"{origin(results)} Changed since then, by more than comments: {len(found)} of "
            f"{number} modules, too many to list; a diff against the commit shows them."
        )
    folders = collections.defaultdict(list)
    for path, kind in sorted(found.items()):
        folder, _, module = path.rpartition("/")
        note = "" if kind == "changed" else f" ({kind})"
        folders[folder].append(module.removesuffix(".py") + note)
    listed = "; ".join(
        f"`{folder}`: {', '.join(modules)}" for folder, modules in sorted(folders.items())
    )
    return (
        f"{origin(results)} Changed since then, by more than comments ({len(found)} of "
        f"{number} modules): {listed}."
    )


def told_short(results, root=ROOT):
    """`told` with the number of changed modules instead of their names."""
    found, number = changes(results, root)
    if not found:
        return told(results, root)
    text = (
        f"{origin(results)} The code has changed since in {len(found)} of {number} modules"
    )
    if len(found) > _LISTED:
        return f"{text}."
    return f"{text}: [docs/benchmarks.md](docs/benchmarks.md) lists them."


def origin(results):
    """Machines, commits and the number of runs at each, in sentences."""
    counts = collections.Counter(_names(results))
    machines = collections.defaultdict(lambda: collections.defaultdict(dict))
    for name, value in results["measured"].items():
        commits = machines[value["machine"]][value["clean"]]
        commit = value["commit"] and f"`{value['commit'][:7]}`"
        commits[commit] = commits.get(commit, 0) + counts[name]
    sentences = []
    for name, states in machines.items():
        sentences.append(f"Machine: {name}.")
        for clean, commits in states.items():
            many = len(results["measured"]) > 1 and counts
            sentences.append(_commits(clean, commits, many))
    return " ".join(sentences)


def _names(part):
    """The entry that each run below a part of the results names."""
    if isinstance(part, dict):
        if isinstance(part.get("measured"), str):
            yield part["measured"]
        part = [value for key, value in part.items() if key != "measured"]
    if isinstance(part, list):
        for value in part:
            yield from _names(value)


def _commits(clean, commits, with_counts):
    """One sentence for the commits of one machine and one state of the tree."""
    listed = ", ".join(
        (commit or "not recorded")
        + (f" ({count} run{'s' * (count > 1)})" if with_counts else "")
        for commit, count in commits.items()
    )
    noun = "commits" if len(commits) > 1 else "commit"
    if clean is None:
        return (
            f"{noun.capitalize()} that first held these numbers: {listed}; whether the "
            "tree was clean was not recorded."
        )
    changed = "" if clean else ", with changes that were not committed"
    return f"Measured at {noun} {listed}{changed}."
