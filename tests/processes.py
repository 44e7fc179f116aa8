"""Child processes that start in a moment, because TensorFlow is imported once for all.

The first import of TensorFlow in a process takes seconds. `multiprocessing`'s fork server
imports TensorFlow, Keras and the package once; each child is a fork of this server: an
own process with an own TensorFlow runtime, which may be killed, gets signals and ends with
an exit code. Forking is safe because the imports alone do not start TensorFlow's runtime.

A limit on a wait catches a process that hangs, and nothing else: no test depends on how
fast the machine is.
"""

import multiprocessing
import os
import pathlib
import runpy
import sys
import time

ROOT = pathlib.Path(__file__).parents[1]
# Seconds after which a process counts as hanging: far more than any child takes on a
# machine that other work slows down tenfold.
HANG = 1200

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tensorflow", "keras", "matplotlib", "kerasmodels.bsde"])


class Child:
    """A child process that runs a function, with its streams in files.

    Args:
        folder: path. Where the streams are kept: `stdout` and `stderr`.
        function: a function of a module of this project, with its arguments.
        cwd: None or path. The working directory of the child.
        environment: None or dict. Variables that are set, or removed where None.
    """

    def __init__(self, folder, function, *arguments, cwd=None, environment=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = _context.Process(
            target=_child,
            args=(str(self.folder), cwd, environment or {}, function, arguments),
        )
        self.process.start()

    @property
    def running(self):
        return self.process.is_alive()

    @property
    def returncode(self):
        """The exit code, the negative number of a signal, or None while it runs."""
        return self.process.exitcode

    def wait(self, limit=HANG):
        """Waits for the end, `limit` seconds at most; returns the exit code."""
        self.process.join(limit)
        if self.process.is_alive():
            self.kill()
            raise AssertionError(f"hung for {limit} s; its errors:\n{self.stderr[-3000:]}")
        return self.returncode

    def succeed(self, limit=HANG):
        """Waits for the end, which has to be a good one; returns the standard output."""
        assert self.wait(limit) == 0, self.stderr[-3000:]
        return self.stdout

    def wait_until(self, reached):
        """Waits until `reached()` holds or the child has ended."""
        start = time.monotonic()
        while self.running and not reached():
            assert time.monotonic() - start < HANG, f"hung for {HANG} s: {self.stderr}"
            time.sleep(0.005)

    def signal(self, number):
        os.kill(self.process.pid, number)

    def kill(self):
        self.process.kill()
        self.process.join()

    @property
    def stdout(self):
        return (self.folder / "stdout").read_text()

    @property
    def stderr(self):
        return (self.folder / "stderr").read_text()


def script(folder, path, *arguments, cwd=None, environment=None):
    """A `Child` that runs a script as `python path arguments` does."""
    arguments = [str(path), *map(str, arguments)]
    return Child(folder, run_script, arguments, cwd=cwd, environment=environment)


def run_script(arguments):
    """The body of a process `python ...`: the script is the module `__main__`."""
    sys.argv = list(arguments)
    # Where Python finds what stands beside the script.
    sys.path.insert(0, str(pathlib.Path(arguments[0]).resolve().parent))
    runpy.run_path(arguments[0], run_name="__main__")


def _child(folder, cwd, environment, function, arguments):
    """The life of a child: its streams, variables and directory, then the function."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(stream, number)
        os.close(stream)
    for name, value in environment.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    if cwd is not None:
        os.chdir(cwd)
    function(*arguments)
