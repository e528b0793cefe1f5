"""What is fuzzed: each parser of device bytes with what a device would say, and whole drivers on a line that babbles.

In: nothing; out: `Target`s, whose try_one raises nothing but AssertionError for a finding (drivers/sim/fuzz.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from drivers.errors import DriverError
from drivers.links.memory import MemoryLink
from drivers.models.fap60 import Fap60Reader
from drivers.models.gt521 import Gt521Reader
from drivers.models.sfm import SfmReader
from drivers.models.zfm import ZfmReader
from drivers.reader import CaptureKind, CaptureRequest
from drivers.sim.clock import VirtualClock
from drivers.sim.peers.uru4500 import image_block
from drivers.sim.replay import RecordingError, urbs
from drivers.wires import fap60, gt521, nb1010, sfm, upektc, uru4000, zfm
from firmware_profiles.profile import load

_REQUEST = CaptureRequest(CaptureKind.PLAIN, finger_s=2.0, lift_s=2.0)


@dataclass(frozen=True)
class Target:
    """try_one(data): raises AssertionError for a finding, nothing else; seeds: what a device would say; share: how
    many of a thousand inputs this target gets."""

    name: str
    try_one: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    share: int = 100


def targets() -> list[Target]:
    """All of them."""
    return [*_streams(), *_payloads(), *_drivers()]


def _promised(call: Callable[[], object], *errors: type[Exception]) -> None:
    """Run call; the errors it promises are fine."""
    try:
        call()
    except errors:
        return


def _pieces(data: bytes) -> Iterator[bytes]:
    """As reads would bring it: the first byte says how much at a time."""
    step = 1 + (data[0] if data else 0)
    for at in range(0, len(data), step):
        yield data[at : at + step]


def _streams() -> list[Target]:
    gray = bytes(range(256)) * 2
    picture = fap60.Picture(1, np.frombuffer(gray, np.uint8).reshape(16, 32), 500)
    identity = fap60.Identity("SIMULATED", "m", "SIM-1", "1", 500, ("roll", "slap"), 60, simulated=True)
    sfm_seeds = (
        sfm.pack(sfm.Packet(sfm.Op.READ, size=7, flag=sfm.Code.OK)),
        b"".join(sfm.pack_blocks(sfm.Op.SCAN_BLOCKS, sfm.ImageHeader(32, 16).pack() + gray, 256)),
    )
    gt_seeds = (gt521.pack(gt521.Packet(gt521.ACK)), gt521.pack_data(gray), gt521.pack_data(bytes(24)))
    zfm_seeds = (
        zfm.pack(zfm.Packet(zfm.Pid.ACK, b"\0")),
        b"".join(zfm.pack(zfm.Packet(pid, gray[:128])) for pid in (zfm.Pid.DATA, zfm.Pid.DATA, zfm.Pid.END)),
    )
    fap_seeds = (
        fap60.pack(fap60.Message(fap60.Type.IDENTITY, 1, identity.pack())),
        fap60.pack(
            fap60.Message(
                fap60.Type.FINGER, 2, fap60.Status(1, fap60.Finger.SETTLED, image_ready=True).pack()
            )
        )
        + fap60.pack(fap60.Message(fap60.Type.PREVIEW, 3, picture.pack(compress=True))),
        fap60.pack(fap60.Message(fap60.Type.FINAL, 4, picture.pack())),
    )
    return [
        Target("zfm stream", _zfm_stream, zfm_seeds),
        Target("sfm stream", _sfm_stream, sfm_seeds),
        Target("gt521 stream", _gt521_stream, gt_seeds),
        Target("fap60 stream", _fap60_stream, fap_seeds),
    ]


def _zfm_stream(data: bytes) -> None:
    parser = zfm.Parser()
    for piece in _pieces(data):
        list(parser.feed(piece))
        assert len(parser._buffer) <= zfm.MAX_PAYLOAD + zfm.OVERHEAD_BYTES, "hoards"


def _fap60_stream(data: bytes) -> None:
    parser = fap60.Parser()
    found = [one for piece in _pieces(data) for one in parser.feed(piece)]
    found += list(parser.give_up())
    assert len(parser._buffer) <= fap60.OVERHEAD_BYTES + fap60.MAX_PAYLOAD, "hoards"
    for one in found:
        if isinstance(one, fap60.Message):
            _fap60_payloads(one.payload)


def _sfm_stream(data: bytes) -> None:
    stream = sfm.Stream()
    for piece in _pieces(data):
        stream.feed(piece)
        while (packet := stream.packet()) is not None:
            stream.take(min(packet.size, 512))
        assert len(stream._buffer) < sfm.PACKET_BYTES, "hoards"


def _gt521_stream(data: bytes) -> None:
    stream = gt521.Stream()
    for piece in _pieces(data):
        stream.feed(piece)
        stream.data(24)
        stream.seek_data()
    while stream.packet() is not None:
        pass
    assert len(stream) < gt521.PACKET_BYTES, "hoards"


def _payloads() -> list[Target]:
    product = zfm.ProductInfo("R503", "A1", "12345678", "1.2", "GRX", 192, 192).pack()
    system = zfm.SystemParameters(1, 9, 200, 3, 0xFFFFFFFF, 128, 57600).pack()
    rows, columns = np.mgrid[:290, :384]
    finger = (128 + 60 * np.sin(columns / 1.5 + rows / 5)).astype(np.uint8)
    block = image_block(finger)
    few = uru4000.Header(4, 5, ((2, 2), (1, 1), (0, 1))).pack() + block[64 : 64 + 4 * 384]
    upek = tuple(upektc.pack(upektc.Message(0, 0, payload)) for payload in _upek_payloads())
    answers = tuple(nb1010.answer(command) for command in (nb1010.ASK, nb1010.PREPARE, nb1010.TAKE))
    piece = nb1010.piece(np.zeros((nb1010.HEIGHT, nb1010.WIDTH), np.uint8), 3)
    return [
        Target("zfm answers", _zfm_answers, (product, system)),
        Target("sfm images", _sfm_images, (sfm.ImageHeader(8, 6).pack() + bytes(48), bytes(48))),
        Target("gt521 device", _gt521_device, (gt521.DeviceInfo(1, 2, "SIM-1").pack(),)),
        Target("uru4000 image", _uru4000_image, (few, uru4000.Header(4, 5, ()).pack() + bytes(4 * 384)), 50),
        Target("upektc frames", _upektc, upek),
        Target("nb1010 pieces", _nb1010, (*answers, piece)),
        Target("recordings", _recording, (_pcapng(),), 50),
    ]


def _fap60_payloads(data: bytes) -> None:
    for unpack in (
        fap60.Identity.unpack, fap60.Status.unpack, fap60.Picture.unpack, fap60.unpack_start, fap60.unpack_fault
    ):  # fmt: skip
        _promised(lambda unpack=unpack: unpack(data), fap60.WireError)  # type: ignore[misc]


def _zfm_answers(data: bytes) -> None:
    _promised(lambda: zfm.SystemParameters.unpack(data), ValueError)
    _promised(lambda: zfm.ProductInfo.unpack(data), ValueError)


def _sfm_images(data: bytes) -> None:
    _promised(lambda: sfm.pixels(data, {48: (8, 6)}), sfm.ImageError)


def _gt521_device(data: bytes) -> None:
    _promised(lambda: gt521.DeviceInfo.unpack(data), ValueError)


def _uru4000_image(data: bytes) -> None:
    _promised(lambda: uru4000.decode(data, lambda number: number * 77 + 1), uru4000.ImageError)


def _upek_payloads() -> tuple[bytes, ...]:
    return (upektc.say_status(0x0C), upektc.say_status(0), *upektc.parts(bytes(range(256)) * 12))


def _upektc(data: bytes) -> None:
    for use in (upektc.whole_bytes, upektc.sensor, upektc.status):
        _promised(lambda use=use: use(data), upektc.WireError)  # type: ignore[misc]
    _promised(lambda: upektc.pixels(upektc.unpack(data)), upektc.WireError)


def _nb1010(data: bytes) -> None:
    _promised(lambda: nb1010.check_answer(data, nb1010.ASK), nb1010.WireError)
    _promised(lambda: nb1010.rows(data, 3), nb1010.WireError)
    if len(data) == nb1010.ANSWER_BYTES:
        _promised(lambda: nb1010.finger_level(data), nb1010.WireError)


def _pcapng() -> bytes:
    """A recording of one packet."""
    section = bytes.fromhex("0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000")
    interface = bytes.fromhex("0100000014000000dc0000000000040014000000")
    packet = bytes(20 - 8) + (64).to_bytes(4, "little") * 2 + bytes(64)
    size = (len(packet) + 12).to_bytes(4, "little")
    return section + interface + bytes.fromhex("06000000") + size + packet + size


def _recording(data: bytes) -> None:
    _promised(lambda: list(urbs(data)), RecordingError)


# whole drivers on a line that babbles


class Babbler:
    """A device (links.memory.FarEnd) that answers each command with the next piece of its text, and then goes on
    with the text for ever, a piece every 10 ms, or (even first byte) falls silent."""

    def __init__(self, text: bytes) -> None:
        self._text = text or b"\0"
        self._at = 0
        self._due: float | None = None
        self._for_ever = bool(self._text[0] & 1)

    def hear(self, data: bytes, now: float) -> None:  # noqa: ARG002
        self._due = now + 0.002

    def speak(self, now: float) -> bytes:
        if self._due is None or now < self._due:
            return b""
        self._due = now + 0.01 if self._for_ever else None
        start = self._at % len(self._text)
        self._at += 40
        return self._text[start : start + 40]

    def wakes_at(self) -> float | None:
        return self._due

    def set_baud(self, baud: int) -> None:
        """It babbles at any speed."""


_READERS = {
    "zfm": (ZfmReader, "zfm20", 0),
    "sfm": (SfmReader, "sfm-slim", 1),
    "gt521": (Gt521Reader, "gt521", 2),
    "fap60": (Fap60Reader, "fap60-simulated", 3),
}
_HANG_S = 900.0  # simulated: a line that never falls silent costs each command its whole budget before it is given up


def _drivers() -> list[Target]:
    streams = _streams()
    return [
        Target(f"{name} driver", lambda data, name=name: _drive(name, data), streams[index].seeds, 1)  # type: ignore[misc]
        for name, (_, _, index) in _READERS.items()
    ]


def _drive(name: str, data: bytes) -> None:
    make, profile, _ = _READERS[name]
    clock = VirtualClock()
    clock.limit = clock.now + _HANG_S
    reader = make(load(profile), MemoryLink(Babbler(data), clock), clock)
    try:
        reader.open()
        reader.capture(_REQUEST)
    except DriverError as error:
        if error.code == "reader.internal":  # what is no DriverError, as BaseReader dresses it
            raise AssertionError(str(error)) from error
    finally:
        reader.close()
