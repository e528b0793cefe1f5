"""The live preview: frames and phases in from the capture thread, messages out to the browser's WebSocket.

Newest frame wins: a slow page skips frames and never delays the reader. One message is in flight at a time; the
next goes out after the page has acknowledged it. A message is a 4-byte big-endian length, that many bytes of JSON
(state, fgp, sequence, score, hint, causes, contact, steady, needed), and a JPEG (quality 70) with the places of the
causes drawn in, which is absent when there is no frame. The final image never travels this way.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from starlette.websockets import WebSocket, WebSocketDisconnect

from drivers.reader import Frame
from station.friction_ridge import QualityReport
from station.imaging.quality import LiveVerdict, where

JPEG_QUALITY = 70
MAX_SIDE = 800
"""Longest side of a preview in pixels; a slap is halved."""
ACK_S = 10.0
"""Seconds a page may take to acknowledge before it is given up."""

Assess = Callable[[NDArray[np.uint8], int], QualityReport]


@dataclass(frozen=True, eq=False)
class View:
    """What the page should show now. version: grows with every change."""

    version: int = 0
    state: str = "idle"
    booking_id: str = ""
    fgp: int = 0
    frame: Frame | None = None
    verdict: LiveVerdict | None = None


class LiveView:
    """The newest view, and those who wait for the next one. Any thread may show; pages listen in the loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._view = View()
        self._bells: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    @property
    def view(self) -> View:
        """The newest view."""
        return self._view

    def show(
        self,
        state: str,
        booking_id: str,
        fgp: int,
        frame: Frame | None = None,
        verdict: LiveVerdict | None = None,
    ) -> None:
        """Replace the view and ring every bell. verdict: what the judge said of the frame, where it was asked."""
        with self._lock:
            self._view = View(self._view.version + 1, state, booking_id, fgp, frame, verdict)
            bells = list(self._bells)
        for loop, bell in bells:
            if not loop.is_closed():
                loop.call_soon_threadsafe(bell.set)

    async def after(self, version: int, bell: asyncio.Event) -> View:
        """The newest view once it is newer than `version`."""
        while True:
            bell.clear()
            if self._view.version > version:
                return self._view
            await bell.wait()

    def listen(self) -> tuple[asyncio.AbstractEventLoop, asyncio.Event]:
        """A bell of the running loop; give it back with `leave`."""
        ticket = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._bells.add(ticket)
        return ticket

    def leave(self, ticket: tuple[asyncio.AbstractEventLoop, asyncio.Event]) -> None:
        """No more rings."""
        with self._lock:
            self._bells.discard(ticket)


def encode(view: View, assess: Assess, threshold: int) -> bytes:
    """One message for the page. A frame that cannot be assessed is still shown."""
    head: dict[str, Any] = {
        "version": view.version,
        "state": view.state,
        "booking": view.booking_id,
        "fgp": view.fgp,
        "threshold": threshold,
        "score": None,
        "hint": "",
        "causes": [],
        "contact": "",
        "steady": 0,
        "needed": 0,
    }
    picture = b""
    if view.frame is not None:
        report = view.verdict.report if view.verdict else _report(view.frame, assess)
        head |= {"sequence": view.frame.sequence, **_said(report, view.verdict)}
        picture = jpeg(_drawn(view.frame, report) if view.verdict and report else view.frame.pixels)
    text = json.dumps(head).encode()
    return struct.pack(">I", len(text)) + text + picture


def jpeg(pixels: NDArray[np.uint8], max_side: int = MAX_SIDE) -> bytes:
    """A JPEG for the eye, not for the record; halved until its longest side fits."""
    while max(pixels.shape[:2]) > max_side:
        pixels = cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.uint8)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


def _report(frame: Frame, assess: Assess) -> QualityReport | None:
    """What a frame that was not judged on its way looks like."""
    try:
        return assess(frame.pixels, frame.ppi)
    except Exception:  # a preview is only advice: the picture must go on
        return None


def _said(report: QualityReport | None, verdict: LiveVerdict | None) -> dict[str, Any]:
    if report is None:
        return {}
    said: dict[str, Any] = {
        "score": report.score,
        "hint": report.causes[0].advice if report.causes else "",
        "causes": [{"code": cause.code, "severity": cause.severity} for cause in report.causes],
    }
    if verdict is not None:
        said |= {"contact": str(verdict.state), "steady": verdict.steady, "needed": verdict.needed}
    return said


def _drawn(frame: Frame, report: QualityReport) -> NDArray[np.uint8]:
    """The preview with its clear and spoiled places tinted; as it is when that cannot be done."""
    try:
        return where(frame.pixels, report, frame.ppi)
    except Exception:  # a preview is only advice: the picture must go on
        return frame.pixels


async def serve(socket: WebSocket, live: LiveView, assess: Assess, threshold: int) -> None:
    """Send views to one page until it leaves or stops acknowledging."""
    await socket.accept()
    acks: asyncio.Queue[str] = asyncio.Queue()
    sender = asyncio.create_task(_send(socket, live, assess, threshold, acks))
    try:
        async for text in socket.iter_text():
            acks.put_nowait(text)
    finally:
        sender.cancel()
        with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
            await sender


async def _send(
    socket: WebSocket, live: LiveView, assess: Assess, threshold: int, acks: asyncio.Queue[str]
) -> None:
    """One view, one acknowledgement, the next view."""
    ticket = live.listen()
    version = -1
    try:
        while True:
            view = await live.after(version, ticket[1])
            version = view.version
            await socket.send_bytes(await asyncio.to_thread(encode, view, assess, threshold))
            await asyncio.wait_for(acks.get(), ACK_S)
    except TimeoutError:
        await socket.close()
    finally:
        live.leave(ticket)
