"""A bar on a terminal, plain lines in a log."""

from __future__ import annotations

import io

from station.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_one_plain_line_a_step() -> None:
    log = io.StringIO()
    progress = Progress(2, log)
    progress.wait("for nothing")
    progress.step("first")
    progress.say("note")
    progress.step("second")
    progress.close()
    assert log.getvalue().splitlines()[-3:] == ["[ 1/2] first", "note", "[ 2/2] second"]
    assert "\r" not in log.getvalue()


def test_a_terminal_gets_a_bar_that_fills() -> None:
    screen = Terminal()
    progress = Progress(2, screen)
    progress.wait("starting")
    assert "0 %" in screen.getvalue()
    assert "starting" in screen.getvalue()
    progress.step("first")
    assert " 50 %" in screen.getvalue()
    progress.step("second")
    progress.step("one too many")
    assert "100 %" in screen.getvalue()
    assert "[ 2/2] one too many" in screen.getvalue()
