"""A vendor's shared library as a link: a path in, checked answers of drivers/vendor/livescan_reader.h out.

Nothing the library says is believed unchecked, every buffer is ours and has guard bytes behind it, every call has a
deadline and comes from one thread. What this cannot do: survive a library that crashes the process. The capture
service is a process of its own for that, and its supervisor starts it again.
"""

from __future__ import annotations

import ctypes as c
import os
import stat
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray

from drivers.errors import ReaderFault
from drivers.links import link_error
from drivers.links import vendor_abi as wire
from drivers.links.own_thread import OwnThread
from drivers.links.vendor_abi import Code, Identity, Progress, WireError

Entry = Callable[[int, Any], int]
_GUARD = b"\xa5" * 64
_TEXT_BYTES = 256
_stuck: dict[str, OwnThread] = {}  # libraries that hang in this process: not called a second time

_CODES = MappingProxyType(
    {
        Code.NOT_FOUND: "link.not_found",
        Code.PERMISSION: "link.permission",
        Code.BUSY: "link.busy",
        Code.GONE: "link.disconnected",
        Code.IO: "link.io",
        Code.TIMEOUT: "link.timeout",
        Code.LICENCE: "reader.licence",
        Code.VERSION: "reader.library",
    }
)
_ADVICE = MappingProxyType(
    {
        "reader.library": "The vendor's library breaks its interface: report this line to the vendor.",
        "reader.library_load": "Install the vendor's library for this processor, with what it needs; see the log.",
        "reader.library_unsafe": "Give an absolute path to a file that only its owner may change.",
        "reader.licence": "The vendor's licence is missing or has run out: ask the vendor.",
        "reader.device_fault": "Read the vendor's own message; switch the reader off and on.",
        "reader.hung": "The vendor's library hangs: the capture service has to be started again.",
    }
)

Struct = TypeVar("Struct", bound=c.Structure)
Answer = TypeVar("Answer")


def fault(code: str, message: str) -> ReaderFault:
    """A ReaderFault with the advice of its code; link.* become LinkErrors."""
    return (
        link_error(code, message) if code.startswith("link.") else ReaderFault(code, message, _ADVICE[code])
    )


def entry_of(path: str) -> Entry:
    """The function a library exports. Raises LinkError link.not_found, ReaderFault reader.library_unsafe,
    reader.library_load."""
    file = Path(path)
    try:
        mode = file.stat().st_mode
    except OSError as error:
        raise fault("link.not_found", f"no library {path}: {error.strerror}") from error
    if not file.is_absolute() or not stat.S_ISREG(mode) or mode & stat.S_IWOTH:
        raise fault("reader.library_unsafe", f"{path} may be anybody's")
    try:
        function = c.CDLL(path, mode=os.RTLD_NOW | os.RTLD_LOCAL).livescan_reader
    except (OSError, AttributeError) as error:
        raise fault("reader.library_load", f"{path}: {error}") from error
    function.argtypes, function.restype = (c.c_uint32, c.POINTER(wire.Api)), c.c_int32
    entry: Entry = function
    return entry


class VendorLibrary:
    """One unit behind one library. load: gives the exported function, called in the library's own thread."""

    def __init__(
        self, name: str, load: Callable[[], Entry], call_s: float = wire.CALL_S, open_s: float = wire.OPEN_S
    ) -> None:
        self.name = name
        self._load = load
        self._call_s, self._open_s = call_s, open_s
        self._thread: OwnThread | None = None
        self._api = wire.Api()
        self._unit: c.c_void_p | None = None

    # calls; each raises LinkError or ReaderFault

    def open(self, index: int, config: str) -> Identity:
        """Load the library, take the unit, ask who it is."""
        if (hung := _stuck.get(self.name)) is not None and hung.stuck:
            raise fault("reader.hung", f"{self.name} still has not come back")
        self._thread = OwnThread("vendor library")
        return self._run(lambda: self._open_now(index, config.encode()), self._open_s, "open")

    def start(self, kind: str, lamps: tuple[int, ...]) -> None:
        """Begin a capture."""
        request = wire.Request(
            c.sizeof(wire.Request), wire.KIND_BITS[kind], sum(1 << k for k in lamps), len(lamps)
        )
        self._call("start", c.byref(request))

    def poll(self) -> Progress:
        """Where the capture is."""
        return self._checked(wire.progress, self._filled("poll", wire.Status))

    def frame(self, which: int, who: Identity) -> NDArray[np.uint8]:
        """The newest preview or the final image: uint8 [h, w]."""
        capacity = who.max_width * who.max_height
        pixels = c.create_string_buffer(capacity + len(_GUARD))
        _put_guard(pixels, capacity)
        head = self._filled(
            "frame", wire.FrameHead, c.c_uint32(which), c.addressof(pixels), c.c_uint64(capacity)
        )
        self._require_guard(pixels, capacity, "frame")
        width, height = self._checked(lambda one: wire.frame_size(one, who, which), head)
        return np.frombuffer(memoryview(pixels), np.uint8, width * height).reshape(height, width).copy()

    def cancel(self) -> None:
        """End the capture."""
        self._call("cancel")

    def close(self) -> None:
        """Give the unit back and end the thread; a library that hangs is left alone."""
        thread, self._thread = self._thread, None
        unit, self._unit = self._unit, None
        if thread is None:
            return
        try:
            if unit is not None and not thread.stuck:
                thread.run(lambda: self._api.close(unit), self._call_s)
        except TimeoutError:
            _stuck[self.name] = thread
        finally:
            thread.end()

    # inside

    def _open_now(self, index: int, config: bytes) -> Identity:
        entry = self._load()
        buffer, self._api = _guarded(wire.Api)
        self._require_done(entry(wire.VERSION, c.byref(self._api)), "livescan_reader")
        self._require_guard(buffer, c.sizeof(wire.Api), "livescan_reader")
        absent = [name for name in wire.CALLS if not getattr(self._api, name)]
        if absent or self._api.version != wire.VERSION:
            self._breach(f"version {self._api.version}, without {', '.join(absent) or 'nothing'}")
        unit = c.c_void_p()
        self._require_done(self._api.open(index, config, c.byref(unit)), "open")
        if not unit.value:
            self._breach("open gave no unit")
        self._unit = unit
        return self._checked(wire.identity, self._filled_now("info", wire.Info))

    def _call(self, name: str, *arguments: Any) -> None:
        self._run(
            lambda: self._require_done(getattr(self._api, name)(self._unit, *arguments), name),
            self._call_s,
            name,
        )

    def _filled(self, name: str, kind: type[Struct], *before: Any) -> Struct:
        return self._run(lambda: self._filled_now(name, kind, *before), self._call_s, name)

    def _filled_now(self, name: str, kind: type[Struct], *before: Any) -> Struct:
        """A struct that the library filled in, with nothing written behind it."""
        buffer, struct = _guarded(kind)
        self._require_done(getattr(self._api, name)(self._unit, *before, c.byref(struct)), name)
        self._require_guard(buffer, c.sizeof(kind), name)
        return struct

    def _run(self, work: Callable[[], Answer], seconds: float, name: str) -> Answer:
        if self._thread is None:
            raise fault("link.disconnected", f"{self.name} is not open")
        try:
            return self._thread.run(work, seconds)
        except TimeoutError as error:
            _stuck[self.name] = self._thread
            raise fault("reader.hung", f"{self.name}: {name}: {error}") from error

    def _require_done(self, answer: int, name: str) -> None:
        """In the library's thread: it may be asked what went wrong."""
        if answer >= 0:
            return
        code = _CODES.get(Code(answer), "reader.device_fault") if answer in set(Code) else "reader.library"
        raise fault(code, f"{name} answered {answer}: {self._last_error()}")

    def _last_error(self) -> str:
        """The library's own words, cleaned; empty when there are none."""
        if not self._api.last_error:
            return ""
        buffer = c.create_string_buffer(_TEXT_BYTES + len(_GUARD))
        _put_guard(buffer, _TEXT_BYTES)
        answer = self._api.last_error(self._unit, c.addressof(buffer), _TEXT_BYTES)
        self._require_guard(buffer, _TEXT_BYTES, "last_error")
        if answer < 0:
            return ""
        words = buffer.raw[:_TEXT_BYTES].partition(b"\0")[0].decode("utf-8", "replace")
        return "".join(letter if letter.isprintable() else " " for letter in words).strip()

    def _require_guard(self, buffer: Any, size: int, name: str) -> None:
        if buffer.raw[size:] != _GUARD:
            self._breach(f"{name} wrote beyond what it was given")

    def _checked(self, believe: Callable[[Any], Answer], answer: Any) -> Answer:
        try:
            return believe(answer)
        except WireError as error:
            self._breach(str(error), error)

    def _breach(self, words: str, cause: Exception | None = None) -> NoReturn:
        raise fault("reader.library", f"{self.name}: {words}") from cause


def _guarded(kind: type[Struct]) -> tuple[Any, Struct]:
    """A zeroed struct with its size filled in, in a buffer with guard bytes behind it."""
    buffer = c.create_string_buffer(c.sizeof(kind) + len(_GUARD))
    _put_guard(buffer, c.sizeof(kind))
    struct = kind.from_buffer(buffer)
    struct.size = c.sizeof(kind)
    return buffer, struct


def _put_guard(buffer: Any, size: int) -> None:
    c.memmove(c.addressof(buffer) + size, _GUARD, len(_GUARD))
