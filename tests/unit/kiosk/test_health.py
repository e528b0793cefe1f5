"""The status bar: what works, in words and signs."""

from __future__ import annotations

import pytest

from drivers.errors import LinkError
from station.kiosk.health import KEEP_S, PROBE_S, ReaderProbe, StatusBar
from station.kiosk.outbox import Outbox
from tests.unit.kiosk.fakes import FakeClock, FakeEntry, FakeQueue

MIB = 1 << 20


class Bench:
    def __init__(self, folder, gateway="simulated"):
        self.status = {"state": "idle", "simulated": True, "last_error": None}
        self.asked = 0
        self.free = 1000 * MIB
        self.queue = FakeQueue()
        self.clock = FakeClock()
        self.bar = StatusBar(
            reader_status=self._status,
            outbox=Outbox(self.queue, lambda content: content, lambda text: [str(text)]),
            folder=folder,
            reserve_bytes=64 * MIB,
            gateway=gateway,
            clock=self.clock,
            free_bytes=self._free,
        )

    def _status(self):
        self.asked += 1
        if isinstance(self.status, Exception):
            raise self.status
        return self.status

    def _free(self, folder):
        if isinstance(self.free, Exception):
            raise self.free
        return self.free

    def line(self, name):
        self.clock.forward(KEEP_S + 1)
        return next(line for line in self.bar.lines() if line.name == name)


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_all_well_is_three_ticks(bench):
    assert [(line.ok, line.icon) for line in bench.bar.lines()] == [(True, "✓")] * 3


def test_answers_are_kept_for_a_moment(bench):
    bench.bar.lines()
    bench.bar.lines()
    assert bench.asked == 1
    bench.clock.forward(KEEP_S + 0.1)
    bench.bar.lines()
    assert bench.asked == 2


def test_a_lost_reader_is_said_with_what_to_do(bench):
    bench.status = LinkError("link.not_found", "no socket", "start the capture service")
    line = bench.line("reader")
    assert (line.ok, line.text, line.advice) == (False, "Reader gone", "start the capture service")


def test_a_reader_at_fault_tells_its_last_error(bench):
    bench.status = {"state": "fault", "last_error": {"code": "reader.x", "message": "broken", "advice": ""}}
    assert (bench.line("reader").ok, bench.line("reader").advice) == (False, "broken")


def test_a_gateway_that_is_down_is_a_warning_not_a_stop(bench):
    bench.queue.rows["s"] = FakeEntry("s", "T1", state="ready")
    assert (bench.line("gateway").ok, bench.line("gateway").text) == (True, "1 to send")
    bench.queue.rows["s"] = FakeEntry("s", "T1", state="ready", attempts=2, last_error="refused")
    line = bench.line("gateway")
    assert line.ok is None
    assert "1 waiting" in line.text


@pytest.mark.parametrize(
    ("free", "ok", "words"),
    [
        (10 * MIB, False, "full"),
        (100 * MIB, None, "low"),
        (999 * MIB, True, "ok"),
        (OSError(), False, "not readable"),
    ],
)
def test_the_disk_is_watched_against_the_reserve(bench, free, ok, words):
    bench.free = free
    line = bench.line("disk")
    assert line.ok is ok
    assert words in line.text


def test_the_band_names_what_is_simulated_and_stays_when_the_reader_is_lost(bench):
    assert bench.bar.band().startswith("SIMULATED reader and gateway")
    bench.status = LinkError("link.not_found", "gone")
    bench.clock.forward(10)
    assert "reader" in bench.bar.band()


def test_there_is_no_band_when_nothing_is_simulated(tmp_path):
    bench = Bench(tmp_path, gateway="production")
    bench.status = {"state": "idle", "simulated": False, "last_error": None}
    assert bench.bar.band() == ""


class FakeRemote:
    """A capture service with a reader that is there or not."""

    def __init__(self):
        self.state, self.busy, self.opened, self.error = "closed", False, 0, None

    def status(self):
        return {
            "state": self.state,
            "busy": self.busy,
            "simulated": self.state == "idle" or None,
            "last_error": None,
        }

    def open(self):
        self.opened += 1
        if self.error:
            raise self.error
        self.state = "idle"


def test_a_reader_nobody_has_opened_is_opened_once_to_learn_who_it_is():
    remote, clock = FakeRemote(), FakeClock()
    probe = ReaderProbe(remote, clock)
    assert probe()["simulated"] is True
    assert probe()["state"] == "idle"
    assert remote.opened == 1


def test_a_reader_that_is_not_there_is_tried_again_only_after_a_while():
    remote, clock = FakeRemote(), FakeClock()
    remote.error = LinkError("link.not_found", "no device")
    probe = ReaderProbe(remote, clock)
    for _ in range(3):
        assert probe()["state"] == "closed"
    assert remote.opened == 1
    clock.forward(PROBE_S + 1)
    remote.error = None
    assert probe()["state"] == "idle"


def test_a_reader_in_a_capture_is_left_alone():
    remote = FakeRemote()
    remote.state, remote.busy = "fault", True
    ReaderProbe(remote, FakeClock())()
    assert remote.opened == 0


def test_an_uncertified_reader_is_named_in_the_band_with_what_is_wrong(tmp_path):
    bench = Bench(tmp_path, gateway="production")
    bench.status = {"state": "idle", "simulated": False, "certification": "none", "limits": ["ppi.not_500"]}
    assert bench.bar.band().startswith("UNCERTIFIED reader: training only (not appendix f, its resolution")
    bench.status = {"state": "idle", "simulated": False, "certification": "AppF", "fap": 60, "limits": []}
    bench.clock.forward(60)
    assert bench.bar.band() == ""


def test_the_band_names_an_uncertified_reader_beside_a_simulated_gateway(tmp_path):
    bench = Bench(tmp_path)
    bench.status = {"state": "idle", "simulated": False, "certification": "PIV", "fap": 20, "limits": []}
    assert bench.bar.band().startswith(
        "UNCERTIFIED reader: training only (not appendix f). SIMULATED gateway"
    )
