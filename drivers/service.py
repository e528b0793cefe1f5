"""The process side of one reader: a reader factory and a Unix socket path in, captures for clients out.

A thread per client, one capture at a time, the newest preview wins. The reader runs in a thread of its own, so that a
driver that hangs or dies costs that capture and nothing else; the reader is made anew at the next use.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from select import select
from typing import Any

from drivers.capture_socket import Ask, ErrorHead, FrameHead, Say, listen, receive, send
from drivers.clock import Clock
from drivers.errors import DriverError, LinkError, ReaderFault
from drivers.reader import CaptureRequest, Frame, Reader, ReaderInfo, ReaderState
from drivers.service_job import Job
from drivers.watch import Watch

ReaderFactory = Callable[[], Reader]

_TURN_S = 0.25  # the serving loop looks around this often
_ALIVE_S = 1.0
_QUIET_S = 60.0  # a client that asks nothing for so long is dropped; ours ask at once
_CLOSE_S = 5.0  # patience with a reader that is closed at the end
_LOOKING_S = 4.0  # less than a client's patience with silence
_CLIENT_S = 10.0  # a client that takes or sends nothing within a message for so long is dropped
_HUNG_S = 30.0  # a driver that has not asked `cancelled?` for so long is given up
_MAX_ABANDONED = 3  # more hung drivers than this, and the watchdog is no longer fed

_ADVICE = {
    "reader.busy": "Another window is capturing; wait until it is done or cancel there.",
    "reader.hung": "The reader's driver stopped; it is started anew at the next capture. Check cable and power.",
    "reader.internal": "This is a defect of the driver; please report it with the log.",
    "reader.request": "Both ends of the capture socket must be of the same release.",
}


def _fault(code: str, message: str) -> ReaderFault:
    return ReaderFault(code, message, _ADVICE[code])


class CaptureService:
    """One reader and its clients. hung_s: patience with a driver in seconds; watch: who knows the ports."""

    def __init__(
        self,
        reader_factory: ReaderFactory,
        clock: Clock,
        hung_s: float = _HUNG_S,
        watch: Watch | None = None,
    ) -> None:
        self._factory = reader_factory
        self._watch = watch
        self._attached = True
        self._looking = False
        self._clock = clock
        self._hung_s = hung_s
        self._busy = threading.Lock()
        self._reader: Reader | None = None
        self._info: ReaderInfo | None = None
        self._last_error: ErrorHead | None = None
        self._captures = 0
        self._abandoned: list[Job] = []
        self._lost = False  # a driver says that its library hangs in this process

    # the reader

    def healthy(self) -> bool:
        """False when only a new process helps: many drivers hang, or one says that its library does."""
        self._abandoned = [job for job in self._abandoned if not job.done]
        return not self._lost and len(self._abandoned) < _MAX_ABANDONED

    def status(self) -> dict[str, Any]:
        """What is known without touching the device."""
        error = self._last_error
        return {
            "state": str(self._state()),
            "busy": self._busy.locked(),
            "reader": self._info.id if self._info else None,
            "simulated": self._info.simulated if self._info else None,
            "certification": self._info.certification if self._info else None,
            "fap": self._info.fap if self._info else None,
            "limits": list(self._info.limits) if self._info else [],
            "captures": self._captures,
            "abandoned": len(self._abandoned),
            "attached": self._attached,
            "serial": self._info.serial if self._info else None,
            "events": [asdict(one) for one in self._watch.events()] if self._watch else [],
            "last_error": {"code": error.code, "message": error.message, "advice": error.advice}
            if error
            else None,
        }

    def _state(self) -> ReaderState:
        return self._reader.state if self._reader else ReaderState.CLOSED

    def _opened(self) -> Reader:
        """The reader, made anew after a fault. In a job's thread only."""
        reader = self._reader
        if reader is not None and reader.state is not ReaderState.IDLE:
            self._reader = None
            with contextlib.suppress(DriverError):
                reader.close()
            reader = None
        if reader is None:
            reader = self._factory()
            if reader.state is not ReaderState.IDLE:
                reader.open()
            self._reader = reader
        self._info = reader.info
        return reader

    def look(self) -> None:
        """Notice a reader that went away or came while nobody uses it; asks the kernel only. Called now and then."""
        if self._watch is None or not self._busy.acquire(blocking=False):
            return
        self._looking = True
        try:
            was, self._attached = self._attached, self._watch.present()
            if was and not self._attached:
                self._watch.lost()
                self._let_go()
            elif self._attached and not was:
                self._reopen()
        finally:
            self._looking = False
            self._busy.release()

    def _reopen(self) -> None:
        """It is back: open it, so that the next capture need not. In a thread that nobody waits long for."""
        job = Job(self._describe, self._clock)
        job.finish(_CLOSE_S)
        if not job.done:
            self._abandon(job)

    def _let_go(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            Job(lambda _: reader.close(), self._clock).finish(_CLOSE_S)

    def _describe(self, job: Job) -> None:  # noqa: ARG002  opening reports no progress
        self._opened()

    def _take(self, request: CaptureRequest) -> Callable[[Job], Frame]:
        def work(job: Job) -> Frame:
            reader = self._opened()
            frame = reader.capture(request, job.put_preview, job.is_cancelled)
            self._captures += 1
            return frame

        return work

    def _abandon(self, job: Job) -> DriverError:
        """Give a hung driver up; its thread closes the reader if it ever comes back."""
        reader, self._reader = self._reader, None
        self._abandoned.append(job)
        if reader is not None:
            job.when_done(reader.close)
            if self._watch is not None:
                self._watch.free(reader)
        return _fault("reader.hung", f"the driver did nothing for {self._hung_s:g} s")

    # clients

    def client(self, sock: socket.socket) -> None:
        """Serve one connection until it ends; never raises."""
        with contextlib.closing(sock), contextlib.suppress(LinkError):
            sock.settimeout(_CLIENT_S)
            while select([sock], [], [], _QUIET_S)[0] and (got := receive(sock, Ask)) is not None:
                self._answer(sock, got[0])

    def _answer(self, sock: socket.socket, ask: Ask) -> None:
        if ask.op == "status":
            send(sock, Say("status", self._state(), status=self.status()))
        elif ask.op == "info":
            self._answer_info(sock)
        elif ask.op == "capture" and ask.request is not None:
            self._with_reader(sock, self._take(ask.request))
        elif ask.op != "cancel":  # a cancel that came too late is no mistake
            self._send_error(sock, _fault("reader.request", f"no such request: {ask.op!r}"))

    def _answer_info(self, sock: socket.socket) -> None:
        if self._busy.locked() and self._info is not None:
            send(sock, Say("info", self._state(), info=self._info))
        else:
            self._with_reader(sock, self._describe)

    def _with_reader(self, sock: socket.socket, work: Callable[[Job], Frame | None]) -> None:
        if not self._got():
            self._send_error(sock, _fault("reader.busy", "a capture is running"))
            return
        try:
            job = Job(work, self._clock)
            error = self._accompany(sock, job)
        finally:
            self._busy.release()  # before the outcome is told: the client may ask again at once
        if error is not None:
            self._send_error(sock, error)
        else:
            self._send_outcome(sock, job)

    def _got(self) -> bool:
        """Take the reader for one client; one that is only being opened again is waited for."""
        return self._busy.acquire(blocking=False) or (
            self._looking and self._busy.acquire(timeout=_LOOKING_S)
        )

    def _accompany(self, sock: socket.socket, job: Job) -> DriverError | None:
        """Pass previews out and a cancel in until the job is done; the error when it was given up instead."""
        told = self._clock.monotonic() - _ALIVE_S
        while not job.wait(_TURN_S / 2):
            if _wants_to_stop(sock, job):
                job.cancel()
            if job.silent_s() > self._hung_s:
                return self._abandon(job)
            frame = job.newest_preview()
            if frame is not None and not job.cancelled:
                _send_or_cancel(sock, job, Say("preview", self._state(), frame=FrameHead.of(frame)), frame)
            elif self._clock.monotonic() - told >= _ALIVE_S:
                told = self._clock.monotonic()
                _send_or_cancel(sock, job, Say("alive", self._state()))
        return None

    def _send_outcome(self, sock: socket.socket, job: Job) -> None:
        if job.error is not None:
            error = job.error
            self._lost = isinstance(error, DriverError) and error.code == "reader.hung"
            if not isinstance(error, DriverError):
                error = _fault("reader.internal", f"{type(error).__name__}: {error}")
            self._send_error(sock, error)
        elif job.frame is not None:
            frame = job.frame
            self._last_error = None
            self._attached = True
            send(sock, Say("final", self._state(), frame=FrameHead.of(frame)), frame.pixels.tobytes())
        else:
            self._last_error = None
            send(sock, Say("info", self._state(), info=self._info))

    def _send_error(self, sock: socket.socket, error: DriverError) -> None:
        if isinstance(error, ReaderFault) and error.code not in {"reader.busy", "reader.request"}:
            self._last_error = ErrorHead.of(error)
            if self._watch is not None:
                self._watch.doubt(error.code)
        send(sock, Say("error", self._state(), error=ErrorHead.of(error)))

    def close(self) -> None:
        """Give the reader back at the end of the service."""
        self._let_go()


def _wants_to_stop(sock: socket.socket, job: Job) -> bool:
    """True when the client sent anything (only cancel is possible now) or went away."""
    if job.cancelled or not select([sock], [], [], 0)[0]:
        return False
    with contextlib.suppress(LinkError):
        receive(sock, Ask)
    return True


def _send_or_cancel(sock: socket.socket, job: Job, message: Say, frame: Frame | None = None) -> None:
    try:
        send(sock, message, frame.pixels.tobytes() if frame is not None else b"")
    except LinkError:
        job.cancel()  # nobody is listening


def serve(
    reader_factory: ReaderFactory,
    socket_path: Path,
    clock: Clock,
    on_progress: Callable[[], None],
    *,
    ready: Callable[[], None] = lambda: None,
    stop: Callable[[], bool] = lambda: False,
    hung_s: float = _HUNG_S,
    watch: Watch | None = None,
) -> None:
    """Serve one reader on a Unix socket (mode 0660) until stop() says so.

    ready is called once, when clients can connect. on_progress is called at least once a second while the service can
    do its work. An absent or faulty reader never ends it. Raises LinkError link.busy when another service answers on
    that path, link.permission when it cannot be made.
    """
    service = CaptureService(reader_factory, clock, hung_s, watch)
    listener = listen(Path(socket_path), _TURN_S)
    ended = threading.Event()
    looking = threading.Thread(target=_keep_looking, args=(service, ended), daemon=True, name="reader-watch")
    looking.start()
    ready()
    try:
        while not stop():
            if service.healthy():
                on_progress()
            with contextlib.suppress(TimeoutError):
                sock, _ = listener.accept()
                threading.Thread(target=service.client, args=(sock,), daemon=True).start()
    finally:
        ended.set()
        looking.join(_CLOSE_S)
        listener.close()
        Path(socket_path).unlink(missing_ok=True)
        service.close()


def _keep_looking(service: CaptureService, ended: threading.Event) -> None:
    while not ended.wait(_TURN_S):
        service.look()
