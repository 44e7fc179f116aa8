"""The progress line: what it shows where, and that a solve feeds it from start to end."""

import io
import sys

from kerasmodels import bsde
from kerasmodels.runs.progress_line import ProgressLine


class Terminal(io.StringIO):
    """A stream that counts as a terminal."""

    def isatty(self):
        return True


def as_stderr(monkeypatch, stream):
    # Not in a fixture: pytest sets the streams anew for the test itself.
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def shown(line, stream):
    """What the line shows now."""
    before = len(stream.getvalue())
    line._line.refresh()
    return stream.getvalue()[before:]


def test_phase_u0_and_time_left_are_shown_on_a_terminal(monkeypatch):
    terminal = as_stderr(monkeypatch, Terminal())
    with ProgressLine() as line:
        line.phase("start: sampling paths")
        assert "start: sampling paths" in shown(line, terminal) and "left:" not in shown(
            line, terminal
        )
        line.phase("training, round 1", total=25)
        assert "left:" in shown(line, terminal)
        line.estimate(3, 8, None)
        assert "u0" not in shown(line, terminal)
        line.estimate(4, 8, Found)
        assert "estimate: u0 = 4.59017 +- 0.0002" in shown(line, terminal)


class Found:
    u0, half_width = 4.590171, 0.00023


def test_nothing_is_written_elsewhere_or_where_it_is_not_wanted(monkeypatch):
    terminal = as_stderr(monkeypatch, Terminal())
    with ProgressLine(shown=False) as line:
        line.phase("start")
    assert terminal.getvalue() == ""
    plain = as_stderr(monkeypatch, io.StringIO())
    with ProgressLine() as line:
        line.phase("start")
    assert plain.getvalue() == ""


def test_solve_feeds_the_line_from_start_to_end(monkeypatch):
    seen = []

    class Recorded(ProgressLine):
        def phase(self, text, total=None):
            seen.append(text)

        def update(self, text, done, total):
            assert 0 < done <= total
            seen.append(text)

    monkeypatch.setattr(sys.modules[bsde.solve.__module__], "ProgressLine", Recorded)
    found = bsde.solve(
        bsde.Heat(2), num_steps=4, steps=4, batch_size=8, num_paths=512, max_rounds=1
    )
    phases = [text.partition(":")[0] for text in seen]
    assert list(dict.fromkeys(phases)) == ["start", "training, round 1", "estimate"]
    # The first chunks come before any estimate, and each point of the training is shown.
    assert sum(text.startswith("training, round 1: loss") for text in seen) == 4
    estimates = [text for text in seen if text.startswith("estimate: u0 = ")]
    assert all("+-" in text for text in estimates)
    assert found.estimate.num_paths >= 512
