"""SIGTERM as an exception, so that a run that is stopped can keep its state."""

import contextlib
import signal
import threading


class Terminated(KeyboardInterrupt):
    """SIGTERM, raised where Ctrl-C raises a KeyboardInterrupt."""


_came = []


def check():
    """Raises once more what `signals` raised, if anything.

    An exception that is raised while Python runs a destructor is lost, so long work calls
    this function now and then.
    """
    if _came:
        raise _came[-1]


@contextlib.contextmanager
def signals():
    """Within the block SIGTERM raises `Terminated`, as SIGINT raises KeyboardInterrupt.

    Does nothing outside of the main thread, where Python takes no signals.
    """

    def handler(number, frame):
        _came.append(Terminated() if number == signal.SIGTERM else KeyboardInterrupt())
        raise _came[-1]

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, handler) for number in numbers]
    try:
        yield
    finally:
        _came.clear()
        for number, old in zip(numbers, before):
            signal.signal(number, old)
