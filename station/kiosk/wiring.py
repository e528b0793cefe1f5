"""From Settings to a Counter: opens the files, the reader behind its socket, and ties the line together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import ExitStack
from functools import lru_cache
from typing import Protocol

from drivers.remote import RemoteReader
from offline_queue.errors import QueueError
from offline_queue.room import of_settings
from offline_queue.signers import Signer, certificate_path, load_signer
from offline_queue.store import Queue
from station import flow, responses, revocation
from station.access import Access
from station.booking_store import BookingStore
from station.capture import CaptureRules, Instruments
from station.kiosk.clock_page import TimeDesk
from station.kiosk.counter import Counter
from station.kiosk.desk import Desk, DeskRules
from station.kiosk.health import ReaderProbe, StatusBar
from station.kiosk.outbox import Outbox
from station.kiosk.papers import Papers
from station.kiosk.sessions import Sessions
from station.kiosk.set_desk import SetCheck
from station.set_check import officer_gallery
from station.settings import Settings


class Clock(Protocol):
    """Time, injected."""

    def monotonic(self) -> float: ...
    def utcnow(self) -> dt.datetime: ...
    def sleep(self, seconds: float) -> None: ...


def open_counter(settings: Settings, clock: Clock, stack: ExitStack) -> Counter:
    """Open everything the kiosk needs; `stack` closes it again. Raises SettingsError, EnvironmentFault, QueueError."""
    vault = settings.queue.vault()
    store = BookingStore.open(settings.booking.database, vault)
    stack.callback(store.close)
    seen = revocation.watch(settings)
    limits = of_settings(settings.queue.reserve_mib, settings.queue.ballast_mib)
    queue = Queue.open(
        settings.queue.database,
        vault,
        clock,
        station_id=settings.station.id,
        limits=limits,
        time_source=settings.time_source(),
        revocation=seen.own if seen else None,
    )
    stack.callback(queue.close)
    if settings.queue.seal_to is not None:
        flow.forget_queued(store, queue, clock.utcnow())
    outbox = Outbox(queue, responses.read, responses.plain)
    bar = _status_bar(settings, outbox, clock)
    signer = _signer(settings)
    time = TimeDesk(queue, signer, clock)
    papers = Papers(signer, settings.gateway.client_cert, clock, seen.ours if seen else dict)
    return Counter(
        desk=_desk(settings, store, queue, clock, stack, signer),
        outbox=outbox,
        sessions=Sessions(settings.web.session_idle_s, clock),
        health=lambda: [*bar.lines(), *time.lines(), *papers.lines()],
        simulated=bar.band,
        station=settings.station.id,
        agency=settings.station.agency,
        time=time,
    )


def _desk(
    settings: Settings,
    store: BookingStore,
    queue: Queue,
    clock: Clock,
    stack: ExitStack,
    signer: Callable[[], Signer],
) -> Desk:
    tries = settings.booking.database.with_suffix(".tries.db")
    access = Access.load(settings.access.officers, tries, clock)
    stack.callback(access.close)
    others = officer_gallery(settings.booking.officer_templates)
    line = flow.Line(settings, store, queue, signer, clock, others)
    rules = CaptureRules(settings.booking.quality_threshold)
    return Desk(
        rules=DeskRules(
            settings.gateway.kind, rules, settings.booking.max_attempts, settings.queue.seal_to is not None
        ),
        store=store,
        access=access,
        reader=RemoteReader(settings.reader.socket, clock),
        submit=lambda booking: flow.submit_booking(line, booking),
        tools=Instruments.shipped(),
        clock=clock,
        sets=SetCheck(store, others),
        ready=queue.check_room,
    )


def _status_bar(settings: Settings, outbox: Outbox, clock: Clock) -> StatusBar:
    return StatusBar(
        reader_status=ReaderProbe(RemoteReader(settings.reader.socket, clock), clock),
        outbox=outbox,
        folder=settings.booking.database.parent,
        reserve_bytes=settings.queue.reserve_mib << 20,
        gateway=settings.gateway.kind,
        clock=clock,
    )


def _signer(settings: Settings) -> Callable[[], Signer]:
    """The signing key, loaded at the first submission, because a missing token must not stop booking, and again when
    its certificate's file is another one: it was renewed."""
    uri = settings.signing.uri

    @lru_cache(maxsize=1)
    def loaded(_: tuple[int, int]) -> Signer:
        return load_signer(uri)

    def current() -> Signer:
        try:
            status = certificate_path(uri).stat()
        except (OSError, QueueError):
            return loaded((0, 0))
        return loaded((status.st_ino, status.st_mtime_ns))

    return current
