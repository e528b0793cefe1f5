"""A simulated USB device served by USB/IP, so that a real kernel can attach it: a `UsbFunction` in, its URBs answered.

Protocol: Documentation/usb/usbip_protocol.rst of the Linux kernel, version 1.1.1; all numbers big-endian. One device,
one configuration, no isochronous transfers. Layer 3 of the reader tests: the kernel's vhci-hcd on the other end, then
its hub driver, usbfs, libusb and our own driver, none of which know. `serve` speaks over any stream socket.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import threading
from dataclasses import dataclass

from drivers.links.usb import BusTimeout
from drivers.sim.usb_bus import UsbFunction, string_descriptor

VERSION = 0x0111
REQ_IMPORT, REP_IMPORT = 0x8003, 0x0003
CMD_SUBMIT, CMD_UNLINK, RET_SUBMIT, RET_UNLINK = 1, 2, 3, 4
BUSID = "1-1"
FULL_SPEED = 2
DEVICE_ID = 1 << 16 | 2
"""bus 1, device 2"""
LARGEST = 1 << 20
"""bytes of one transfer; a kernel asks for no more."""

_OP = struct.Struct(">HHI")
_DEVICE = struct.Struct(">256s32sIIIHHHBBBBBB")
_HEAD = struct.Struct(">IIIII")
_SUBMIT = struct.Struct(">Iiiii8s")
_SUBMITTED = struct.Struct(">IIIIIiiiii8x")
_UNLINKED = struct.Struct(">IIIIIi24x")
_SETUP = struct.Struct("<BBHHH")
_SLICE_S = 0.02


class UsbIpError(Exception):
    """The other end speaks no USB/IP that we know, or asks for another device."""


@dataclass(frozen=True)
class Urb:
    """One transfer asked for. endpoint: address with its direction bit; data: what goes out."""

    number: int
    endpoint: int
    length: int
    setup: bytes
    data: bytes


class UsbIpDevice:
    """Serves one device to one peer. What endpoints do besides 0 happens in a thread each, for reads wait."""

    def __init__(self, function: UsbFunction) -> None:
        self._function = function
        self._lock = threading.Condition()
        self._waiting: dict[int, list[Urb]] = {}
        self._left_over: dict[int, bytes] = {}
        self._ended = False

    def serve(self, peer: socket.socket) -> None:
        """Until the peer goes away. Raises UsbIpError for what is no USB/IP of this version."""
        with contextlib.suppress(ConnectionError):
            self._be_imported(peer)
            self.answer(peer)

    def answer(self, peer: socket.socket) -> None:
        """The part after the import: URBs until the peer goes away."""
        try:
            while True:
                self._one(peer)
        except ConnectionError:
            pass
        finally:
            with self._lock:
                self._ended = True
                self._lock.notify_all()

    def _be_imported(self, peer: socket.socket) -> None:
        version, code, _ = _OP.unpack(_exactly(peer, _OP.size))
        if (version, code) != (VERSION, REQ_IMPORT):
            raise UsbIpError(f"version {version:04x}, code {code:04x}")
        wanted = _exactly(peer, 32).rstrip(b"\0").decode("ascii", "replace")
        if wanted != BUSID:
            peer.sendall(_OP.pack(VERSION, REP_IMPORT, 1))
            raise UsbIpError(f"there is no device {wanted!r}")
        peer.sendall(_OP.pack(VERSION, REP_IMPORT, 0) + self._description())

    def _description(self) -> bytes:
        device, configuration = self._function.device, self._function.configuration
        vendor, product, release = struct.unpack_from("<HHH", device, 8)
        path = f"/sys/devices/simulated/{BUSID}".encode()
        place = (path, BUSID.encode(), 1, 2, FULL_SPEED, vendor, product, release)
        return _DEVICE.pack(*place, *device[4:7], configuration[5], device[17], configuration[4])

    def _one(self, peer: socket.socket) -> None:
        command, number, _, direction, endpoint = _HEAD.unpack(_exactly(peer, _HEAD.size))
        rest = _exactly(peer, _SUBMIT.size)
        if command == CMD_UNLINK:
            self._unlink(peer, number, int.from_bytes(rest[:4], "big"))
            return
        if command != CMD_SUBMIT:
            raise UsbIpError(f"command {command}")
        _, length, _, _, _, setup = _SUBMIT.unpack(rest)
        if not 0 <= length <= LARGEST:
            raise UsbIpError(f"a transfer of {length} bytes")
        data = b"" if direction else _exactly(peer, length)
        urb = Urb(number, endpoint | (0x80 if direction else 0), length, setup, data)
        if endpoint == 0:
            self._tell(peer, urb, *self._control(urb))
        else:
            self._queue(peer, urb)

    # endpoint 0

    def _control(self, urb: Urb) -> tuple[int, bytes]:
        """Status and what comes in."""
        kind, request, value, _, length = _SETUP.unpack(urb.setup)
        try:
            if kind & 0x60 == 0:
                return self._standard(kind, request, value, length)
            if kind & 0x80:
                return 0, self._function.control_in(request, value, length)[:length]
            self._function.control_out(request, value, urb.data)
        except OSError as error:  # a pyusb USBError is one
            return -(error.errno or errno.EPIPE), b""
        return 0, b""

    def _standard(self, kind: int, request: int, value: int, length: int) -> tuple[int, bytes]:
        """USB 2.0, 9.4: what every device answers."""
        if not kind & 0x80:
            return 0, b""  # SET_CONFIGURATION, SET_INTERFACE, CLEAR_FEATURE: there is only one of each
        if request == 0:  # GET_STATUS
            return 0, b"\0\0"[:length]
        found: bytes | None = None
        if request == 6:
            function = self._function
            found = {1: function.device, 2: function.configuration}.get(value >> 8)
            if value >> 8 == 3:
                found = string_descriptor(function, value & 0xFF)
        return (0, found[:length]) if found is not None else (-errno.EPIPE, b"")

    # the other endpoints

    def _queue(self, peer: socket.socket, urb: Urb) -> None:
        with self._lock:
            known = urb.endpoint in self._waiting
            self._waiting.setdefault(urb.endpoint, []).append(urb)
            self._lock.notify_all()
        if not known:
            work = threading.Thread(target=self._work, args=(peer, urb.endpoint), daemon=True)
            work.start()

    def _work(self, peer: socket.socket, endpoint: int) -> None:
        with contextlib.suppress(OSError):
            while (urb := self._next(endpoint)) is not None:
                status, data = self._transfer(urb)
                with self._lock:
                    queue = self._waiting[endpoint]
                    if urb not in queue:  # unlinked meanwhile: what came belongs to the next one
                        self._left_over[endpoint] = data + self._left_over.get(endpoint, b"")
                        continue
                    queue.remove(urb)
                self._tell(peer, urb, status, data)

    def _next(self, endpoint: int) -> Urb | None:
        with self._lock:
            while not self._waiting[endpoint] and not self._ended:
                self._lock.wait()
            return None if self._ended else self._waiting[endpoint][0]

    def _transfer(self, urb: Urb) -> tuple[int, bytes]:
        """Done, or given back; status and what came in."""
        try:
            if not urb.endpoint & 0x80:
                self._function.write(urb.endpoint, urb.data, _SLICE_S)
                return 0, b""
            return 0, self._read(urb)
        except OSError as error:
            return -(error.errno or errno.EPIPE), b""

    def _read(self, urb: Urb) -> bytes:
        kept = self._left_over.pop(urb.endpoint, b"")
        while not kept:
            try:
                kept = self._function.read(urb.endpoint, urb.length, _SLICE_S)
                break
            except BusTimeout:
                with self._lock:
                    if self._ended or urb not in self._waiting[urb.endpoint]:
                        return b""
        if len(kept) > urb.length:
            self._left_over[urb.endpoint] = kept[urb.length :]
        return kept[: urb.length]

    def _unlink(self, peer: socket.socket, number: int, unwanted: int) -> None:
        with self._lock:
            found = [
                (queue, urb) for queue in self._waiting.values() for urb in queue if urb.number == unwanted
            ]
            for queue, urb in found:
                queue.remove(urb)
            status = -errno.ECONNRESET if found else 0
            peer.sendall(_UNLINKED.pack(RET_UNLINK, number, 0, 0, 0, status))

    def _tell(self, peer: socket.socket, urb: Urb, status: int, data: bytes) -> None:
        inward = bool(urb.endpoint & 0x80)
        length = len(data) if inward else len(urb.data) * (status == 0)
        head = _SUBMITTED.pack(RET_SUBMIT, urb.number, 0, 0, 0, status, length, 0, 0, 0)
        with self._lock:
            peer.sendall(head + (data if inward else b""))


def _exactly(peer: socket.socket, count: int) -> bytes:
    got = bytearray()
    while len(got) < count:
        piece = peer.recv(count - len(got))
        if not piece:
            raise ConnectionResetError("the peer went away")
        got += piece
    return bytes(got)
