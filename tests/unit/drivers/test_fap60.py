"""The FAP 60 driver and its peer: previews, sizes, what the reader refuses, and the peer as a process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from drivers.clock import SystemClock
from drivers.errors import CaptureRetry, ReaderFault
from drivers.links.memory import MemoryLink
from drivers.links.pty import PtyEnd
from drivers.models.fap60 import Fap60Reader
from drivers.reader import CaptureKind, CaptureRequest, Frame, ReaderState
from drivers.registry import open_reader
from drivers.sim import rig as rigs
from drivers.sim import tty as sim_tty
from drivers.sim.clock import VirtualClock
from drivers.sim.peers import fap60 as peer
from drivers.sim.peers.fap60 import Fap60Device
from drivers.wires import fap60 as wire
from drivers.wires.fap60 import Ack, Finger, Identity, Message, Picture, Status, Type
from firmware_profiles.profile import load
from tests.kit.helpers import running
from tests.kit.waiting import PATIENCE_S

ROLL = CaptureRequest(CaptureKind.ROLL, (2,), finger_s=5.0, lift_s=5.0)
SLAP = CaptureRequest(CaptureKind.SLAP, (2, 3, 4, 5), finger_s=5.0, lift_s=5.0)
PROFILE = load("fap60-simulated")


class Bench:
    def __init__(self, script: Path | None = None, **device: float) -> None:
        self.clock = VirtualClock()
        self.device = Fap60Device(rigs.person(script), PROFILE, **device)
        self.link = MemoryLink(self.device, self.clock)
        self.reader = Fap60Reader(PROFILE, self.link, self.clock)
        self.reader.open()


def test_a_roll_takes_about_a_second_with_previews_eight_to_ten_a_second() -> None:
    bench = Bench()
    times: list[float] = []
    began = bench.clock.now
    bench.reader.capture(ROLL, lambda _: times.append(bench.clock.now))
    assert 0.8 <= bench.clock.now - began <= 1.2
    gaps = np.diff(times)
    assert len(times) == 5
    assert np.all((gaps > 0.09) & (gaps < 0.13))


def test_speed_makes_the_person_faster() -> None:
    bench = Bench(speed=50.0)
    began = bench.clock.now
    bench.reader.capture(ROLL)
    assert bench.clock.now - began < 0.05


def test_a_slap_is_larger_and_its_previews_are_half_as_large() -> None:
    previews: list[Frame] = []
    frame = Bench().reader.capture(SLAP, previews.append)
    assert frame.pixels.shape == (1500, 1600)
    assert {one.pixels.shape for one in previews} == {(750, 800)}
    assert {one.ppi for one in previews} == {250}


def test_a_rolls_previews_grow_from_side_to_side() -> None:
    small = np.zeros((4, 10), np.uint8)
    shown = peer.settling(small, "roll", 0.4)
    assert (shown[:, :4] == 0).all()
    assert (shown[:, 4:] == 255).all()


def test_a_touchs_previews_grow_darker() -> None:
    small = np.zeros((2, 2), np.uint8)
    assert peer.settling(small, "plain", 0.5).max() == 128
    assert peer.settling(small, "plain", 1.0).max() == 0


def test_halving_takes_the_mean_of_four() -> None:
    assert peer.halved(np.array([[0, 4, 9], [8, 4, 9]], np.uint8)).tolist() == [[4]]


def test_a_paced_line_makes_the_image_slower() -> None:
    bench = Bench(bytes_per_s=100_000.0)
    began = bench.clock.now
    bench.reader.capture(ROLL)
    assert 6.0 < bench.clock.now - began < 8.5


def test_the_fingers_under_lit_lamps_are_put_down() -> None:
    bench = Bench()
    bench.reader.capture(SLAP)
    assert rigs.watched(bench.device.person)[-1].positions == (2, 3, 4, 5)


def device_says(bench: Bench, message: Message) -> None:
    bench.device._outbox.send(wire.pack(message), bench.clock.now)


def during(bench: Bench, action: Callable[[], None]) -> CaptureRequest:
    """Do something on the device as soon as the finger is down."""
    down = bench.device._touched

    def also(now: float) -> None:
        down(now)
        action()

    bench.device._touched = also  # type: ignore[method-assign]
    return ROLL


def test_a_fault_the_reader_reports_is_a_fault() -> None:
    bench = Bench()
    request = during(bench, lambda: device_says(bench, Message(Type.FAULT, 1, wire.pack_fault(5, "too hot"))))
    with pytest.raises(ReaderFault, match="5: too hot") as caught:
        bench.reader.capture(request)
    assert caught.value.code == "reader.device_fault"
    bench.reader.open()
    bench.device = Bench().device
    assert bench.reader.state is ReaderState.IDLE


def test_an_unreadable_script_is_told_as_a_fault_of_the_simulation(tmp_path: Path) -> None:
    script = tmp_path / "s.json"
    script.write_text('{"placements": [{"nonsense": 1}]}')
    with pytest.raises(ReaderFault, match="SIMULATED person") as caught:
        Bench(script).reader.capture(ROLL)
    assert caught.value.code == "reader.device_fault"


def test_a_finger_lifted_while_it_settles_is_a_retry() -> None:
    bench = Bench()

    def lift() -> None:
        bench.device._outbox.forget(bytes_too=False)
        later = bench.clock.now + 0.3
        bench.device._outbox.at(later, lambda now: bench.device._become(Finger.NONE, now, ready=False))

    request = during(bench, lift)
    with pytest.raises(CaptureRetry) as caught:
        bench.reader.capture(request)
    assert caught.value.code == "capture.lifted_early"
    assert bench.reader.state is ReaderState.IDLE


def test_a_picture_of_an_earlier_capture_is_not_taken() -> None:
    bench = Bench()
    old = Picture(999, np.zeros((750, 800), np.uint8), 500)
    request = during(bench, lambda: device_says(bench, Message(Type.FINAL, 1, old.pack())))
    assert bench.reader.capture(request).pixels.max() > 0


@pytest.mark.parametrize("shape", [(375, 400), (1500, 1600)])
def test_a_picture_of_another_size_than_promised_is_a_fault(shape: tuple[int, int]) -> None:
    bench = Bench()
    odd = Picture(1, np.zeros(shape, np.uint8), 500)
    request = during(bench, lambda: device_says(bench, Message(Type.FINAL, 1, odd.pack())))
    with pytest.raises(ReaderFault) as caught:
        bench.reader.capture(request)
    assert caught.value.code == "reader.geometry"


def test_a_reader_that_settles_and_never_sends_is_late() -> None:
    bench = Bench()

    def keep_on() -> None:
        bench.device._outbox.forget(bytes_too=False)

    request = during(bench, keep_on)
    with pytest.raises(ReaderFault) as caught:
        bench.reader.capture(request)
    assert caught.value.code == "reader.image_late"


def test_an_identity_nobody_understands_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Identity, "pack", lambda _: b"\x07\0\0\0\0\0")
    with pytest.raises(ReaderFault) as caught:
        Bench()
    assert caught.value.code == "reader.identity"


def test_a_status_nobody_understands_is_a_protocol_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    monkeypatch.setattr(Status, "pack", lambda _: b"\xff")
    with pytest.raises(ReaderFault) as caught:
        bench.reader.capture(CaptureRequest(CaptureKind.ROLL, finger_s=3.0))
    assert caught.value.code in {"reader.protocol", "reader.no_answer"}


class Host:
    """Raw messages to the device."""

    def __init__(self) -> None:
        self.device = Fap60Device(rigs.person(), PROFILE)
        self.now = 0.0

    def ask(self, kind: int, payload: bytes = b"") -> Message:
        self.device.hear(wire.pack(Message(kind, 7, payload)), self.now)
        found = list(wire.Parser().feed(self.device.speak(self.now)))
        assert len(found) == 1
        assert isinstance(found[0], Message)
        assert found[0].sequence == 7
        return found[0]


@pytest.mark.parametrize(
    ("kind", "payload", "answer"),
    [
        (0x55, b"", Ack.UNKNOWN),
        (Type.LAMPS, b"1", Ack.MALFORMED),
        (Type.START, b"", Ack.MALFORMED),
        (Type.START, wire.pack_start(0, "roll"), Ack.MALFORMED),
        (Type.RESEND, b"", Ack.NO_IMAGE),
        (Type.CANCEL, b"", Ack.OK),
    ],
)
def test_the_reader_answers_every_command(kind: int, payload: bytes, answer: Ack) -> None:
    got = Host().ask(kind, payload)
    assert (got.type, got.payload) == (Type.ACK, bytes((answer,)))


def test_a_repeated_start_is_the_same_capture_and_another_is_busy() -> None:
    host = Host()
    assert host.ask(Type.START, wire.pack_start(1, "roll")).payload == bytes((Ack.OK,))
    assert host.ask(Type.START, wire.pack_start(1, "roll")).payload == bytes((Ack.OK,))
    assert host.ask(Type.START, wire.pack_start(2, "roll")).payload == bytes((Ack.BUSY,))


def test_a_refused_command_is_a_fault() -> None:
    bench = Bench()
    bench.device._status = Status(77, Finger.NONE, image_ready=False)
    with pytest.raises(ReaderFault, match="START") as caught:
        bench.reader.capture(ROLL)
    assert caught.value.code == "reader.refused"


def test_the_loop_of_a_peer_carries_bytes_both_ways_and_drops_what_nobody_reads(tmp_path: Path) -> None:
    end = PtyEnd(tmp_path / "tty")
    turns = iter([False] * 400)

    class Chatty:
        heard = b""

        def hear(self, data: bytes, now: float) -> None:
            self.heard += data

        def speak(self, now: float) -> bytes:
            return bytes(1 << 20)

        def wakes_at(self) -> float | None:
            return 0.0

        def set_baud(self, baud: int) -> None:
            pass

    end.wait = lambda wait_s, *, to_send: None  # type: ignore[method-assign]
    sim_tty.run(Chatty(), end, VirtualClock(), lambda: next(turns, True))
    end.unplug()


def test_the_peer_as_a_process_books_over_its_tty_with_a_script(tmp_path: Path, patient: None) -> None:
    tty, script = tmp_path / "tty", tmp_path / "person.json"
    script.write_bytes(
        msgspec.json.encode({"placements": [{"when": {"lamps": [2]}, "no_finger": True, "nth": 1}]})
    )
    command = [sys.executable, "-m", "drivers.sim.peers.fap60", "--tty", str(tty), "--seed", "4"]
    command += ["--script", str(script), "--speed", "50", "--pace", "50000000"]
    with running(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"ready {tty}\n"
        reader = open_reader("fap60", "", f"serial:{tty}", {}, SystemClock())
        with pytest.raises(CaptureRetry):
            reader.capture(CaptureRequest(CaptureKind.ROLL, (2,), finger_s=0.3))
        reader.close()
        reader = open_reader("fap60", "", f"serial:{tty}", {}, SystemClock())
        frame = reader.capture(CaptureRequest(CaptureKind.ROLL, (2,), finger_s=PATIENCE_S))
        assert frame.pixels.shape == (750, 800)
        assert frame.reader.serial == "SIM-00000004"
        reader.close()
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    assert not tty.exists()
