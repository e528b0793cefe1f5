"""USB transfers that wait while the driver does something else: a read in, what it brought out, from its own thread.

pyusb has no asynchronous transfers. Nothing here knows pyusb.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Protocol

from drivers.errors import LinkError


class BulkIn(Protocol):
    """What a bulk read is made on: drivers.links.usb.UsbLink."""

    def bulk_in(self, endpoint: int, size: int, timeout_s: float) -> bytes: ...


class Interrupts:
    """What an interrupt endpoint says, in order. pyusb has no asynchronous transfers, so this is a thread."""

    def __init__(self, read: Callable[[], bytes], patience_s: float) -> None:
        self._read = read
        self._patience_s = patience_s
        self._queue: SimpleQueue[bytes | LinkError] = SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="usb-interrupts")
        self._thread.start()

    def next(self, wait_s: float) -> bytes | None:
        """The next interrupt's data, or None when none came. Raises the LinkError that ended the thread."""
        try:
            item = self._queue.get(timeout=wait_s) if wait_s > 0 else self._queue.get_nowait()
        except Empty:
            return None
        if isinstance(item, LinkError):
            self._queue.put(item)  # it stays so
            raise item
        return item

    def end_soon(self) -> None:
        """Let the transfer in flight be the last."""
        self._stop.set()

    def stop(self) -> None:
        """End the thread; waits for the transfer in flight."""
        self._stop.set()
        self._thread.join(self._patience_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._queue.put(self._read())
            except LinkError as error:
                if error.code != "link.timeout":
                    self._queue.put(error)
                    return


class Pending:
    """A bulk read posted now and collected later: the device must find it waiting when it is told to scan."""

    def __init__(self, link: BulkIn, endpoint: int, size: int, timeout_s: float) -> None:
        self._result: bytes | LinkError = b""
        self._posted = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(link, endpoint, size, timeout_s), daemon=True, name="usb-bulk"
        )

    def __enter__(self) -> Pending:
        self._thread.start()
        self._posted.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.join()

    def done(self, wait_s: float) -> bool:
        """True once the transfer has ended, waiting up to wait_s seconds."""
        self._thread.join(wait_s)
        return not self._thread.is_alive()

    def result(self) -> bytes:
        """The bytes. Raises the LinkError of the transfer."""
        self._thread.join()
        if isinstance(self._result, LinkError):
            raise self._result
        return self._result

    def _run(self, link: BulkIn, endpoint: int, size: int, timeout_s: float) -> None:
        self._posted.set()
        try:
            self._result = link.bulk_in(endpoint, size, timeout_s)
        except LinkError as error:
            self._result = error
