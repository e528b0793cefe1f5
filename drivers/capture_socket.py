"""The messages between capture service and remote reader: structs to bytes over a Unix stream socket and back.

A message is two u32 (big-endian: header length, body length), a msgpack header, and a body: the raw pixels of a frame,
or nothing. Both ends are of the same release; unknown header keys are refused.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import struct
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from drivers.errors import CaptureRetry, DriverError, LinkError, ReaderFault
from drivers.links import link_error
from drivers.reader import CaptureRequest, Frame, ReaderInfo, ReaderState

_SIZES = struct.Struct(">II")
MAX_HEADER = 1 << 16
MAX_BODY = 32 << 20  # bytes; an Appendix F four-finger slap at 1000 ppi is 9.6 MB


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Client to service. op: info (opens the reader), status (does not), capture, cancel."""

    op: str
    request: CaptureRequest | None = None


class Say(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Service to client. kind: info, status, alive (once a second during a capture), preview, final, error."""

    kind: str
    state: ReaderState = ReaderState.CLOSED
    info: ReaderInfo | None = None
    status: dict[str, Any] = {}
    frame: FrameHead | None = None
    error: ErrorHead | None = None


class FrameHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Frame without its pixels, which are the body."""

    width: int
    height: int
    ppi: int
    reader: ReaderInfo
    monotonic: float
    wall: dt.datetime
    clock_trusted: bool
    final: bool
    sequence: int

    @classmethod
    def of(cls, frame: Frame) -> FrameHead:
        height, width = frame.pixels.shape
        return cls(
            width, height, frame.ppi, frame.reader, frame.monotonic, frame.wall, frame.clock_trusted,
            frame.final, frame.sequence,
        )  # fmt: skip

    def frame(self, body: bytes) -> Frame:
        """Raises LinkError link.io when the body has another size than the header says."""
        if len(body) != self.width * self.height:
            raise link_error("link.io", f"{len(body)} bytes for {self.width} x {self.height} pixels")
        pixels = np.frombuffer(body, np.uint8).reshape(self.height, self.width)
        return Frame(
            pixels=pixels, ppi=self.ppi, reader=self.reader, monotonic=self.monotonic, wall=self.wall,
            clock_trusted=self.clock_trusted, final=self.final, sequence=self.sequence,
        )  # fmt: skip


_CLASSES: dict[str, type[DriverError]] = {
    one.__name__: one for one in (DriverError, CaptureRetry, ReaderFault, LinkError)
}


class ErrorHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A DriverError; class, code and advice survive the crossing."""

    name: str
    code: str
    message: str
    advice: str

    @classmethod
    def of(cls, error: DriverError) -> ErrorHead:
        name = next(base.__name__ for base in type(error).__mro__ if base.__name__ in _CLASSES)
        return cls(name, error.code, error.message, error.advice)

    def error(self) -> DriverError:
        return _CLASSES.get(self.name, ReaderFault)(self.code, self.message, self.advice)


_encoder = msgspec.msgpack.Encoder()


def pack(message: Ask | Say, body: bytes = b"") -> bytes:
    """The bytes of a message."""
    header = _encoder.encode(message)
    return _SIZES.pack(len(header), len(body)) + header + body


def send(sock: socket.socket, message: Ask | Say, body: bytes = b"") -> None:
    """Send one message; the socket's own timeout applies. Raises LinkError link.timeout, link.disconnected."""
    try:
        sock.sendall(pack(message, body))
    except TimeoutError as error:
        raise link_error("link.timeout", "the other side of the capture socket takes nothing") from error
    except OSError as error:
        raise link_error("link.disconnected", f"the capture socket broke: {error}") from error


Message = TypeVar("Message", Ask, Say)


def receive(sock: socket.socket, kind: type[Message]) -> tuple[Message, bytes] | None:
    """One message and its body; None at an orderly end of the stream. The socket's timeout is for each piece.
    Raises LinkError link.timeout, link.disconnected, link.io."""
    sizes = _exactly(sock, _SIZES.size, may_end=True)
    if not sizes:
        return None
    header_size, body_size = _SIZES.unpack(sizes)
    if header_size > MAX_HEADER or body_size > MAX_BODY:
        raise link_error("link.io", f"a message of {header_size} + {body_size} bytes on the capture socket")
    header = _exactly(sock, header_size)
    body = _exactly(sock, body_size)
    try:
        return msgspec.msgpack.decode(header, type=kind), body
    except msgspec.MsgspecError as error:
        raise link_error(
            "link.io", f"not a message of this release on the capture socket: {error}"
        ) from error


def _exactly(sock: socket.socket, size: int, *, may_end: bool = False) -> bytes:
    data = bytearray(size)
    view = memoryview(data)
    got = 0
    while got < size:
        try:
            count = sock.recv_into(view[got:])
        except TimeoutError as error:
            raise link_error("link.timeout", "the capture socket went silent") from error
        except OSError as error:
            raise link_error("link.disconnected", f"the capture socket broke: {error}") from error
        if count == 0:
            if may_end and got == 0:
                return b""
            raise link_error("link.disconnected", "the capture socket ended within a message")
        got += count
    return bytes(data)


def listen(path: Path, turn_s: float) -> socket.socket:
    """A listening socket at `path` (mode 0660) whose accept() waits turn_s. Raises LinkError link.busy when another
    service answers there, link.permission when it cannot be made."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        listener.bind(str(path))
        path.chmod(0o660)
        listener.listen(16)
    except OSError as error:
        listener.close()
        raise link_error("link.permission", f"cannot listen on {path}: {error}") from error
    except LinkError:
        listener.close()
        raise
    listener.settimeout(turn_s)
    return listener


def _remove_stale(path: Path) -> None:
    """A socket file that nobody answers on is left over from a killed service."""
    if not path.is_socket():
        return
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise link_error("link.busy", f"another capture service answers on {path}")
