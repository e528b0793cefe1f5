"""Trouble on the wire in the middle of a capture: each ends in a typed error within its deadline, or in the right
picture, never in a wrong one."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest

from drivers.errors import DriverError, ReaderFault
from drivers.links.usb import BusTimeout
from drivers.reader import CaptureKind, CaptureRequest, ReaderState
from drivers.sim import rig as rigs
from drivers.sim.clock import VirtualClock
from drivers.sim.faults import Fault, FaultyUsb, Kind
from drivers.sim.peers import fap60, uru4500, zfm
from drivers.sim.rig import Rig
from tests.kit.waiting import Waited

REQUEST = CaptureRequest(CaptureKind.PLAIN, finger_s=5.0, lift_s=5.0)
ZFM_BYTES = 41_000  # one capture of a ZFM-20 is 40 144 bytes, with its polls
FAP60_BYTES = 615_000  # previews that compress well, then 600 000 pixels
URU_BYTES = 64 + 289 * 384


def outcome(make: Callable[..., Rig], fault: Fault, deadline_s: float) -> str:
    """Open and capture with the fault; `right`, or the error's code. Fails on a wrong picture or a missed deadline."""
    rig = make(rigs.person(), fault=fault)
    began, waited = rig.clock.monotonic(), Waited()
    try:
        rig.reader.open()
        frame = rig.reader.capture(REQUEST)
    except DriverError as error:
        result = error.code if error.advice else f"{error.code} without advice"
        state = rig.reader.state
        if isinstance(error, ReaderFault) and state is not ReaderState.FAULT:
            result += f" leaves {state}"
    else:
        lay = [rig.delivered(one.pixels) for one in rig.placed]
        assert any(np.array_equal(frame.pixels, one) for one in lay), "a wrong picture was delivered"
        result = "right"
    finally:
        if rig.reader.state is not ReaderState.CLOSED:
            rig.reader.close()
    simulated = isinstance(rig.clock, VirtualClock)
    assert (rig.clock.monotonic() - began if simulated else waited.seconds()) < deadline_s
    assert waited.seconds() < 20
    return result


def offsets(total: int, count: int, seed: int) -> list[int]:
    """The first bytes (the opening conversation), then a sample over the whole capture."""
    rng = np.random.default_rng(seed)
    return [0, 1, 5, 9, 11, 12, 30, 41, *sorted(int(at) for at in rng.integers(42, total, count))]


@pytest.mark.parametrize("span", [1, 12, 139])
@pytest.mark.parametrize("kind", [Kind.FLIP, Kind.DOUBLE, Kind.LOSE, Kind.TRUNCATE])
def test_a_short_fault_on_the_zfm_wire_heals_or_is_named(kind: Kind, span: int) -> None:
    for at in offsets(ZFM_BYTES, 12, seed=span):
        result = outcome(zfm.rig, Fault(kind, at, span), deadline_s=60)
        assert result in {"right", "reader.image_damaged", "reader.no_answer", "capture.no_finger"}, (
            at,
            result,
        )


@pytest.mark.parametrize("kind", [Kind.FLIP, Kind.DOUBLE, Kind.LOSE, Kind.TRUNCATE])
def test_a_single_byte_fault_in_a_zfm_image_heals_by_asking_again(kind: Kind) -> None:
    results = [outcome(zfm.rig, Fault(kind, at), deadline_s=40) for at in range(1000, 40_000, 3917)]
    assert results == ["right"] * len(results)


def test_an_aligned_packet_doubled_in_a_zfm_image_is_noticed() -> None:
    first_data = _zfm_start_of_data()
    for number in (0, 1, 100, 286):
        assert outcome(zfm.rig, Fault(Kind.DOUBLE, first_data + number * 139, 139), 40) == "right"
        assert outcome(zfm.rig, Fault(Kind.LOSE, first_data + number * 139, 139), 40) == "right"


def _zfm_start_of_data() -> int:
    """Bytes from the module before the image's first packet: two answers at open, the polls, the acknowledge."""
    rig = zfm.rig(rigs.person())
    counted = _Counter(rig.reader.link)  # type: ignore[attr-defined]
    rig.reader.link = counted  # type: ignore[attr-defined]
    rig.reader.open()
    rig.reader.capture(REQUEST)
    return counted.before_image


class _Counter:
    """A link that notes how many bytes came before the first data packet."""

    def __init__(self, link: object) -> None:
        self._link = link
        self._seen = b""

    def __getattr__(self, name: str) -> object:
        return getattr(self._link, name)

    def read(self, limit: int, timeout_s: float) -> bytes:
        data: bytes = self._link.read(limit, timeout_s)  # type: ignore[attr-defined]
        self._seen += data
        return data

    @property
    def before_image(self) -> int:
        return self._seen.index(b"\xef\x01\xff\xff\xff\xff\x02")


@pytest.mark.parametrize("make", [zfm.rig, fap60.rig])
@pytest.mark.parametrize(("kind", "codes"), [(Kind.STALL, {"reader.no_answer", "reader.image_damaged"}),
                                             (Kind.UNPLUG, {"link.disconnected"})])  # fmt: skip
def test_a_dead_byte_wire_is_a_fault_within_its_deadline(
    make: Callable[..., Rig], kind: Kind, codes: set[str]
) -> None:
    for at in offsets(ZFM_BYTES - 1500, 6, seed=1):
        assert outcome(make, Fault(kind, at), deadline_s=90) in codes, at


def test_a_zfm_wire_that_hurts_every_image_is_given_up() -> None:
    assert outcome(zfm.rig, Fault(Kind.FLIP, 5000, lasting=True), 60) in {
        "reader.image_damaged",
        "reader.no_answer",
    }


@pytest.mark.parametrize("span", [1, 24, 500])
@pytest.mark.parametrize("kind", [Kind.FLIP, Kind.DOUBLE, Kind.LOSE, Kind.TRUNCATE])
def test_a_short_fault_on_the_fap60_wire_heals(kind: Kind, span: int) -> None:
    for at in offsets(FAP60_BYTES, 8, seed=span):
        assert outcome(fap60.rig, Fault(kind, at, span), deadline_s=30) == "right", at


def test_a_fap60_wire_that_hurts_every_image_is_given_up() -> None:
    assert outcome(fap60.rig, Fault(Kind.FLIP, 50_000, lasting=True), 60) in {
        "reader.image_damaged", "reader.no_answer", "reader.image_late",
    }  # fmt: skip


@pytest.mark.parametrize("kind", [Kind.FLIP, Kind.LOSE, Kind.DOUBLE])
def test_usb_repeats_a_bad_packet_so_the_picture_is_right(kind: Kind) -> None:
    for at in (0, 63, 64, 5000, URU_BYTES - 1):
        assert outcome(uru4500.rig, Fault(kind, at), 10) == "right"


@pytest.mark.parametrize("kind", [Kind.FLIP, Kind.LOSE])
def test_usb_packets_that_stay_bad_are_an_io_fault(kind: Kind) -> None:
    assert outcome(uru4500.rig, Fault(kind, 5000, lasting=True), 10) == "link.io"


def test_a_usb_image_cut_short_is_taken_again() -> None:
    for at in (0, 10, 64, 500, URU_BYTES // 2, URU_BYTES - 1):
        assert outcome(uru4500.rig, Fault(Kind.TRUNCATE, at), 10) == "right", at


def test_a_usb_stall_is_a_fault() -> None:
    assert outcome(uru4500.rig, Fault(Kind.STALL, 5000), 10) == "link.stall"


def test_a_usb_reader_pulled_during_the_image_is_a_fault() -> None:
    assert outcome(uru4500.rig, Fault(Kind.UNPLUG, 5000), 10) == "link.disconnected"


class _Device:
    """What FaultyUsb is put around: it answers 1, 2, 3 and so on, and notes what it was told."""

    device = configuration = b""
    strings: ClassVar[dict[int, str]] = {}

    def __init__(self) -> None:
        self.said = 0
        self.told: list[bytes] = []

    def read(self, endpoint: int, size: int, timeout_s: float) -> bytes:
        self.said += 1
        return bytes((self.said,))

    def write(self, endpoint: int, data: bytes, timeout_s: float) -> None:
        self.told.append(data)

    def control_in(self, request: int, value: int, length: int) -> bytes:
        return self.read(0, length, 0.0)

    def control_out(self, request: int, value: int, data: bytes) -> None:
        self.told.append(data)


@pytest.mark.parametrize(("kind", "heard"), [(Kind.SKIP, [1, 3, 4]), (Kind.REPEAT, [1, 2, 2])])
def test_a_device_forgets_or_repeats_what_it_says(kind: Kind, heard: list[int]) -> None:
    wire = FaultyUsb(_Device(), Fault(kind, 1), 0x82)
    assert [wire.read(0x82, 64, 1.0)[0] for _ in range(3)] == heard
    assert wire.fired


@pytest.mark.parametrize(("kind", "times"), [(Kind.SKIP, 1), (Kind.REPEAT, 3)])
def test_a_device_forgets_or_repeats_what_it_is_told(kind: Kind, times: int) -> None:
    bulk, control = _Device(), _Device()
    wire = FaultyUsb(bulk, Fault(kind, 1), 0x02)
    assert [wire.write(0x02, b"a", 1.0) for _ in range(2)] == [1, 1]  # acknowledged in any case
    wire = FaultyUsb(control, Fault(kind, 1), 0)
    for _ in range(2):
        wire.control_out(4, 0, b"a")
    assert (len(bulk.told), len(control.told)) == (times, times)


def test_a_control_request_that_the_device_forgets_ends_at_its_deadline() -> None:
    wire = FaultyUsb(_Device(), Fault(Kind.SKIP, 0), 0)
    with pytest.raises(BusTimeout):
        wire.control_in(4, 0, 1)
    assert wire.control_in(4, 0, 1) == b"\2"
