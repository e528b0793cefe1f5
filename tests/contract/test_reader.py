"""What every reader must do, whoever made it: each driver of drivers/models on its peer, and each again over the
capture service's socket."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest

from drivers import registry, service
from drivers.clock import SystemClock
from drivers.errors import CaptureRetry, DriverError, ReaderFault
from drivers.reader import CaptureKind, CaptureRequest, Frame, Reader, ReaderState
from drivers.remote import RemoteReader
from drivers.sim import rig as rigs
from drivers.sim.peers.vendor_sdk import compiled_rig
from drivers.sim.rig import Rig
from firmware_profiles.profile import load
from tests.kit.helpers import Background
from tests.kit.waiting import PATIENCE_S
from tests.sdk_example import example_library

DRIVERS = registry.drivers()
COMPILED = "vendor_sdk compiled"  # the shipped example of a vendor's library, in C


@dataclass
class Bench:
    """A reader under test, the rig behind it, and the person's script."""

    reader: Reader
    rig: Rig
    script: Path

    def tell_person(self, **script: object) -> None:
        self.script.write_bytes(msgspec.json.encode(script))

    def request(self, **changes: object) -> CaptureRequest:
        kind = sorted(self.reader.info.kinds)[0]
        return msgspec.structs.replace(_Request(kind), **changes).plain()


class _Request(msgspec.Struct):
    kind: CaptureKind
    lamps: tuple[int, ...] = ()
    finger_s: float = 5.0
    lift_s: float = 5.0

    def plain(self) -> CaptureRequest:
        return CaptureRequest(self.kind, self.lamps, self.finger_s, self.lift_s)


def make_rig(driver: str, script: Path) -> Rig:
    if driver == COMPILED:
        return compiled_rig(rigs.person(script), example_library(), script.parent)
    peer = importlib.import_module(f"drivers.sim.peers.{driver}")
    rig: Rig = peer.rig(rigs.person(script))
    return rig


CASES = [(driver, where) for driver in (*DRIVERS, COMPILED) for where in ("here", "remote")]


@pytest.fixture(params=CASES, ids="-".join)
def bench(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(service, "_TURN_S", 0.02)  # how soon it notices that it is to end
    driver, where = request.param
    script = tmp_path / "person.json"
    rig = make_rig(driver, script)
    if where == "here":
        yield Bench(rig.reader, rig, script)
        if rig.reader.state is not ReaderState.CLOSED:
            rig.reader.close()
        return
    with served(lambda: rig.reader, tmp_path / "capture.sock") as path:
        yield Bench(RemoteReader(path, SystemClock()), rig, script)


class served:  # noqa: N801  reads as a phrase
    """A capture service in a thread."""

    def __init__(self, factory: Callable[[], Reader], path: Path) -> None:
        self.path = path
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._serve = (service.serve, factory, path, SystemClock(), lambda: None)

    def __enter__(self) -> Path:
        self._thread = Background(*self._serve, stop=self._stop.is_set, ready=self._ready.set)
        assert self._ready.wait(PATIENCE_S), "the service did not start"
        return self.path

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.end()


@pytest.mark.parametrize("driver", DRIVERS)
def test_every_driver_has_a_peer_and_a_profile(driver: str, tmp_path: Path) -> None:
    rig = make_rig(driver, tmp_path / "none.json")
    rig.reader.open()
    assert load(rig.reader.info.profile).driver == driver
    assert rig.reader.info.driver == driver
    rig.reader.close()


def test_a_reader_begins_closed_and_is_idle_once_open(bench: Bench) -> None:
    seen = [bench.reader.state]
    bench.reader.open()
    seen.append(bench.reader.state)
    bench.reader.close()
    assert [*seen, bench.reader.state] == [ReaderState.CLOSED, ReaderState.IDLE, ReaderState.CLOSED]


def test_a_peer_says_that_it_is_simulated(bench: Bench) -> None:
    bench.reader.open()
    info = bench.reader.info
    assert info.simulated
    assert info.make == "SIMULATED"
    assert info.serial.startswith("SIM")
    assert info.kinds


def test_info_before_open_is_a_fault(bench: Bench) -> None:
    with pytest.raises(ReaderFault) as caught:
        _ = bench.reader.info
    assert caught.value.code == "reader.not_open"


def test_a_capture_delivers_what_lay_on_the_platen(bench: Bench) -> None:
    bench.reader.open()
    frame = bench.reader.capture(bench.request())
    np.testing.assert_array_equal(frame.pixels, bench.rig.delivered(bench.rig.placed[-1].pixels))
    assert frame.final
    assert frame.ppi == bench.reader.info.ppi
    assert frame.reader == bench.reader.info
    assert frame.wall.tzinfo is not None
    assert not frame.pixels.flags.writeable
    assert bench.reader.state is ReaderState.IDLE


def test_captures_follow_one_another_and_are_numbered(bench: Bench) -> None:
    bench.reader.open()
    numbers = [bench.reader.capture(bench.request()).sequence for _ in range(3)]
    assert numbers == sorted(set(numbers))


def test_every_kind_it_claims_works_and_others_are_refused(bench: Bench) -> None:
    bench.reader.open()
    for kind in CaptureKind:
        if kind in bench.reader.info.kinds:
            assert bench.reader.capture(bench.request(kind=kind)).final
        else:
            with pytest.raises(ReaderFault) as caught:
                bench.reader.capture(bench.request(kind=kind))
            assert caught.value.code == "reader.kind"
            assert bench.reader.state is ReaderState.IDLE


def test_previews_come_before_the_end_and_say_so(bench: Bench) -> None:
    bench.reader.open()
    previews: list[Frame] = []
    final = bench.reader.capture(bench.request(), previews.append)
    assert all(not one.final for one in previews)
    assert all(one.sequence < final.sequence for one in previews)
    assert all(one.pixels.shape[0] * final.ppi == final.pixels.shape[0] * one.ppi for one in previews)


def test_nobody_there_is_a_retry_and_leaves_the_reader_idle(bench: Bench) -> None:
    bench.tell_person(placements=[{"no_finger": True}])
    bench.reader.open()
    with pytest.raises(CaptureRetry) as caught:
        bench.reader.capture(bench.request(finger_s=0.3))
    assert caught.value.code == "capture.no_finger"
    assert caught.value.advice
    assert bench.reader.state is ReaderState.IDLE
    bench.tell_person()
    assert bench.reader.capture(bench.request()).final


def test_a_cancel_is_a_retry_and_leaves_the_reader_idle(bench: Bench) -> None:
    bench.tell_person(placements=[{"no_finger": True}])
    bench.reader.open()
    with pytest.raises(CaptureRetry) as caught:
        bench.reader.capture(bench.request(finger_s=1e6), cancelled=lambda: True)
    assert caught.value.code == "capture.cancelled"
    assert bench.reader.state is ReaderState.IDLE
    bench.tell_person()
    assert bench.reader.capture(bench.request()).final


def test_a_capture_on_a_closed_reader_is_a_fault(bench: Bench) -> None:
    bench.reader.open()
    request = bench.request()
    bench.reader.close()
    with pytest.raises(ReaderFault) as caught:
        bench.reader.capture(request)
    assert caught.value.code == "reader.not_open"


def test_a_pulled_cable_is_a_typed_fault_with_advice(bench: Bench) -> None:
    bench.reader.open()
    request = bench.request()
    bench.rig.unplug()
    with pytest.raises(ReaderFault) as caught:
        bench.reader.capture(request)
    assert caught.value.code.startswith("link.")
    assert caught.value.advice
    assert bench.reader.state is ReaderState.FAULT
    with pytest.raises(DriverError):
        bench.reader.capture(request)


def test_opening_without_a_device_is_a_typed_fault(bench: Bench) -> None:
    bench.rig.unplug()
    with pytest.raises(ReaderFault) as caught:
        bench.reader.open()
    assert caught.value.code == "link.not_found"
    assert bench.reader.state is ReaderState.FAULT
