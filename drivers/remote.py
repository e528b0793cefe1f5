"""A Reader behind a Unix socket: the path of a capture service in, the same contract as a local reader out.

Each operation is a connection of its own, so a restarted service is not even noticed. Errors arrive with their class,
code and advice. A service that says nothing for some seconds is a LinkError link.timeout.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from select import select
from typing import Any

from drivers.capture_socket import Ask, Say, receive, send
from drivers.clock import Clock, SystemClock
from drivers.errors import DriverError, LinkError, ReaderFault
from drivers.links import link_error
from drivers.reader import Cancelled, CaptureRequest, Frame, Preview, ReaderInfo, ReaderState

_SILENCE_S = 5.0  # the service says `alive` every second
_LOOK_S = 0.05  # how often a running capture looks at cancelled()
_CODES = {
    errno.ENOENT: "link.not_found",
    errno.ECONNREFUSED: "link.not_found",
    errno.EACCES: "link.permission",
    errno.EPERM: "link.permission",
}


class RemoteReader:
    """The reader of the capture service at socket_path. silence_s: patience with a service that says nothing."""

    def __init__(
        self, socket_path: Path | str, clock: Clock | None = None, silence_s: float = _SILENCE_S
    ) -> None:
        self.socket_path = Path(socket_path)
        self._clock = clock or SystemClock()
        self._silence_s = silence_s
        self._state = ReaderState.CLOSED
        self._info: ReaderInfo | None = None

    @property
    def info(self) -> ReaderInfo:
        if self._info is None:
            raise _not_open("the reader was never open")
        return self._info

    @property
    def state(self) -> ReaderState:
        return self._state

    def open(self) -> None:
        """Have the service open its reader, and learn who it is."""
        try:
            self._info = self._asked(Ask("info"), "info").info
        except DriverError:
            self._state = ReaderState.FAULT
            raise
        self._state = ReaderState.IDLE

    def close(self) -> None:
        """Nothing is held between operations; the service keeps its reader."""
        self._state = ReaderState.CLOSED

    def status(self) -> dict[str, Any]:
        """What the service knows without touching the device: state, busy, reader, last_error, captures."""
        return dict(self._asked(Ask("status"), "status").status)

    def capture(
        self, request: CaptureRequest, preview: Preview | None = None, cancelled: Cancelled | None = None
    ) -> Frame:
        """As BaseReader.capture, and also ReaderFault reader.busy, reader.hung, LinkError link.*."""
        if self._state is not ReaderState.IDLE:
            raise _not_open(f"the reader is {self._state}")
        try:
            frame = self._conversation(request, preview, cancelled)
        except ReaderFault as fault:
            self._state = ReaderState.IDLE if fault.code in _HARMLESS else ReaderState.FAULT
            raise
        except BaseException:
            self._state = ReaderState.IDLE
            raise
        self._state = ReaderState.IDLE
        return frame

    def _conversation(
        self, request: CaptureRequest, preview: Preview | None, cancelled: Cancelled | None
    ) -> Frame:
        with self._connected() as sock:
            send(sock, Ask("capture", request))
            for say, body in self._answers(sock, _cancel_once(sock, cancelled)):
                if say.kind == "final" and say.frame is not None:
                    return say.frame.frame(body)
                self._state = say.state
                if say.kind == "preview" and say.frame is not None and preview is not None:
                    preview(say.frame.frame(body))
        raise link_error("link.disconnected", "the capture service ended within a capture")

    def _asked(self, ask: Ask, kind: str) -> Say:
        with self._connected() as sock:
            send(sock, ask)
            for say, _ in self._answers(sock, lambda: None):
                if say.kind == kind:
                    return say
        raise link_error("link.disconnected", f"the capture service ended before its answer to {ask.op}")

    def _answers(self, sock: socket.socket, look: Callable[[], None]) -> Iterator[tuple[Say, bytes]]:
        """What the service says; look() is called in between. Raises the error the service reports."""
        heard = self._clock.monotonic()
        while True:
            look()
            if not select([sock], [], [], _LOOK_S)[0]:
                if self._clock.monotonic() - heard > self._silence_s:
                    raise link_error("link.timeout", "the capture service went silent")
                continue
            heard = self._clock.monotonic()
            got = receive(sock, Say)
            if got is None:
                return
            if got[0].error is not None:
                raise got[0].error.error()
            yield got

    @contextlib.contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with contextlib.closing(sock):
            sock.settimeout(self._silence_s)
            try:
                sock.connect(str(self.socket_path))
            except OSError as error:
                code = _CODES.get(error.errno or 0, "link.io")
                raise _service_error(code, f"{self.socket_path}: {error}") from error
            yield sock


# Faults of this request alone: the reader itself is as it was.
_HARMLESS = frozenset({"reader.busy", "reader.kind", "reader.request"})


def _cancel_once(sock: socket.socket, cancelled: Cancelled | None) -> Callable[[], None]:
    """Passes the first cancel on; the service's answer ends the capture."""
    told = False

    def look() -> None:
        nonlocal told
        if cancelled is not None and not told and cancelled():
            told = True
            send(sock, Ask("cancel"))

    return look


def _service_error(code: str, message: str) -> LinkError:
    if code == "link.not_found":
        return LinkError(code, message, "Start the capture service (systemctl start livescan-capture).")
    return link_error(code, message)


def _not_open(message: str) -> ReaderFault:
    return ReaderFault("reader.not_open", message, "Open the reader; after a fault it must be opened anew.")
