"""The structs, codes and limits of drivers/vendor/livescan_reader.h, version 1, for ctypes; and what of a vendor's
answer may be believed: structs in, checked values out, or WireError."""

from __future__ import annotations

import ctypes as c
import enum
from dataclasses import dataclass

VERSION = 1
CALL_S, OPEN_S = 1.0, 15.0
"""Seconds: LSR_CALL_MS, LSR_OPEN_MS."""
MAX_SIDE = 4096
"""Pixels: a hand at 1000 ppi is 3200 × 3000; more is a mistake."""
PPI_RANGE = (100, 1200)
FAPS = frozenset({0, 10, 20, 30, 40, 45, 50, 60, 145, 150, 160})
"""Capture device profiles, 0: none (ANSI/NIST-ITL 1-2011 Update 2015, field 14.031)."""


class WireError(ValueError):
    """The library said something that its interface does not allow."""


class Code(enum.IntEnum):
    """Answers."""

    OK = 0
    ARGUMENT = -1
    VERSION = -2
    NOT_FOUND = -3
    PERMISSION = -4
    BUSY = -5
    GONE = -6
    IO = -7
    TIMEOUT = -8
    STATE = -9
    LICENCE = -10
    UNSUPPORTED = -11
    DEVICE = -12


class Phase(enum.IntEnum):
    """lsr_status.phase."""

    IDLE = 0
    AWAIT = 1
    CAPTURE = 2
    DONE = 3
    RETRY = 4


PREVIEW, FINAL = 0, 1
KIND_BITS = {"roll": 1, "plain": 2, "slap": 4}


class Info(c.Structure):
    """lsr_info."""

    _fields_ = (
        *((name, c.c_uint32) for name in ("size", "kinds", "ppi", "preview_ppi", "max_width", "max_height")),
        ("fap", c.c_uint32),
        ("simulated", c.c_uint32),
        *((name, c.c_char * 64) for name in ("make", "model", "serial", "firmware")),
    )


class Request(c.Structure):
    """lsr_request."""

    _fields_ = tuple((name, c.c_uint32) for name in ("size", "kind", "lamps", "fingers"))


class Status(c.Structure):
    """lsr_status."""

    _fields_ = tuple((name, c.c_uint32) for name in ("size", "phase", "present", "preview", "reason"))


class FrameHead(c.Structure):
    """lsr_frame."""

    _fields_ = tuple((name, c.c_uint32) for name in ("size", "width", "height", "ppi", "number"))


UNIT = c.c_void_p
OPEN = c.CFUNCTYPE(c.c_int32, c.c_uint32, c.c_char_p, c.POINTER(UNIT))
INFO = c.CFUNCTYPE(c.c_int32, UNIT, c.POINTER(Info))
START = c.CFUNCTYPE(c.c_int32, UNIT, c.POINTER(Request))
POLL = c.CFUNCTYPE(c.c_int32, UNIT, c.POINTER(Status))
FRAME = c.CFUNCTYPE(c.c_int32, UNIT, c.c_uint32, c.c_void_p, c.c_uint64, c.POINTER(FrameHead))
PLAIN = c.CFUNCTYPE(c.c_int32, UNIT)
LAST_ERROR = c.CFUNCTYPE(c.c_int32, UNIT, c.c_void_p, c.c_uint32)


class Api(c.Structure):
    """lsr_api."""

    _fields_ = (
        ("size", c.c_uint32),
        ("version", c.c_uint32),
        ("open", OPEN),
        ("info", INFO),
        ("start", START),
        ("poll", POLL),
        ("frame", FRAME),
        ("cancel", PLAIN),
        ("close", PLAIN),
        ("last_error", LAST_ERROR),
    )


CALLS = ("open", "info", "start", "poll", "frame", "cancel", "close", "last_error")


@dataclass(frozen=True)
class Identity:
    """What the library says of a unit, believed. kinds: roll, plain, slap; preview_ppi 0: no previews; fap 0: none."""

    kinds: frozenset[str]
    ppi: int
    preview_ppi: int
    max_width: int
    max_height: int
    fap: int
    simulated: bool
    make: str
    model: str
    serial: str
    firmware: str


@dataclass(frozen=True)
class Progress:
    """Where a capture is."""

    phase: Phase
    present: bool
    preview: int
    reason: int


def identity(info: Info) -> Identity:
    """Raises WireError for values that no reader has."""
    low, high = PPI_RANGE
    _require(low <= info.ppi <= high, f"{info.ppi} ppi")
    _require(
        info.preview_ppi == 0 or low / 4 <= info.preview_ppi <= info.ppi,
        f"previews of {info.preview_ppi} ppi",
    )
    _require(0 < info.max_width <= MAX_SIDE, f"images {info.max_width} pixels wide")
    _require(0 < info.max_height <= MAX_SIDE, f"images {info.max_height} pixels high")
    _require(info.fap in FAPS, f"FAP {info.fap}")
    _require(info.simulated <= 1, f"simulated = {info.simulated}")
    kinds = frozenset(kind for kind, bit in KIND_BITS.items() if info.kinds & bit)
    _require(bool(kinds), "no kind of contact")
    make, model, serial, firmware = (_text(info, name) for name in ("make", "model", "serial", "firmware"))
    _require(bool(make and model), "no make or no model")
    simulated = bool(info.simulated) or serial.startswith("SIM")
    _require(not simulated or serial.startswith("SIM"), f"simulated, and its serial number is {serial!r}")
    return Identity(
        kinds, info.ppi, info.preview_ppi, info.max_width, info.max_height, info.fap, simulated,
        make, model, serial, firmware,
    )  # fmt: skip


def _text(info: Info, name: str) -> str:
    """The array as it lies in memory: ctypes itself would stop at its end without complaint."""
    field = getattr(Info, name)
    return text(c.string_at(c.addressof(info) + field.offset, field.size), name)


def text(array: bytes, name: str) -> str:
    """UTF-8 up to the zero byte. Raises WireError without one, for other bytes and for control characters."""
    head, zero, _ = array.partition(b"\0")
    _require(bool(zero), f"{name} has no end")
    try:
        words = head.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise WireError(f"{name} is not UTF-8") from error
    _require(words.isprintable(), f"{name} has control characters")
    return words


def progress(status: Status) -> Progress:
    """Raises WireError for a phase that there is not."""
    _require(status.phase <= max(Phase), f"phase {status.phase}")
    _require(status.present <= 1, f"present = {status.present}")
    return Progress(Phase(status.phase), bool(status.present), status.preview, status.reason)


def frame_size(head: FrameHead, who: Identity, which: int) -> tuple[int, int]:
    """(width, height). Raises WireError when the image cannot be what was announced."""
    wanted = who.ppi if which == FINAL else who.preview_ppi
    _require(0 < head.width <= who.max_width, f"an image {head.width} pixels wide")
    _require(0 < head.height <= who.max_height, f"an image {head.height} pixels high")
    _require(head.ppi == wanted, f"an image of {head.ppi} ppi, not {wanted}")
    return head.width, head.height


def _require(good: bool, words: str) -> None:
    if not good:
        raise WireError(words)
