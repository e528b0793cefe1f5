"""Sending what is due and pulling what was answered, once (`step`) or until told to stop (`run`).

An entry of unknown outcome is asked for before it is sent again. When the gateway cannot be reached, the
pass ends and
the next one waits (doubling, with jitter), so that the order is kept; when one submission fails, only that
one waits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from offline_queue.backoff import Backoff
from offline_queue.breaker import Breaker
from offline_queue.clock import Clock
from offline_queue.errors import (
    AwaitingReceipt,
    Certainty,
    CertificateError,
    DamagedEntry,
    LeaseLost,
    QueueError,
    ReceiptError,
    ResponseError,
    StoreFault,
    TransportFault,
)
from offline_queue.models import Claim, Outcome
from offline_queue.receipts import Verifier
from offline_queue.states import Event
from offline_queue.store import Queue
from offline_queue.transports import Parcel, Transport
from offline_queue.wire import BadItem, SignedReceipt, WireResponse

LEASE_MARGIN_S = 30.0
PAGE = 20
PAGES = 50
GAP = 1000
TICK_S = 0.5


@dataclass(frozen=True)
class StepReport:
    """What one pass did: attempts by outcome, responses by fate, and the fault that ended it, if any."""

    accepted: int = 0
    refused: int = 0
    unsure: int = 0
    not_sent: int = 0
    absent: int = 0
    damaged: int = 0
    expired: int = 0
    responses: int = 0
    duplicates: int = 0
    quarantined: int = 0
    fault: QueueError | None = None
    retry_after_s: float | None = None

    @property
    def busy(self) -> bool:
        """Something moved, so an answer may come soon."""
        return bool(self.accepted or self.responses)


class Sync:
    """One worker. deadline_s: the transport's total deadline, so that a lease outlives an attempt. refusals: so many
    definite ones put an entry into quarantine; until then it is asked for and sent again like one without an answer.
    idle: called before each wait of `run`."""

    def __init__(
        self,
        queue: Queue,
        transport: Transport,
        verifier: Verifier,
        clock: Clock,
        worker_id: str,
        *,
        deadline_s: float = 60.0,
        poll_s: float = 5.0,
        backoff: Backoff | None = None,
        refusals: int = 1,
        idle: Callable[[], None] = lambda: None,
    ) -> None:
        self._queue = queue
        self._transport = transport
        self._verifier = verifier
        self._clock = clock
        self._worker = worker_id
        self._lease_s = deadline_s + LEASE_MARGIN_S
        self._poll_s = poll_s
        self._backoff = backoff or Backoff()
        self._refusals = refusals
        self._idle = idle
        self.breaker = Breaker(clock, self._backoff)
        self._stale = False

    def step(
        self, stop: Callable[[], bool] = lambda: False, on_progress: Callable[[], None] = lambda: None
    ) -> StepReport:
        """Send or ask for every due entry, then pull responses unless the gateway is away. Never raises for
        trouble
        with the gateway; StoreFault when the queue itself fails."""
        report = self.drain(stop, on_progress)
        if report.fault is None and not stop():
            report = self.pull(report, on_progress)
        return report

    def drain(
        self, stop: Callable[[], bool] = lambda: False, on_progress: Callable[[], None] = lambda: None
    ) -> StepReport:
        """Every due entry, one by one, oldest first. Ends early when the gateway is away."""
        report = StepReport()
        while not stop():
            claim = self._queue.claim(self._worker, self._lease_s)
            if claim is None:
                break
            outcome, fault = self._attempt(claim)
            report = _count(report, outcome)
            try:
                self._queue.settle(claim, outcome)
            except LeaseLost as lost:
                return replace(report, fault=lost)
            on_progress()
            if self._is_over(outcome, fault):
                return _ended(report, fault)
        return report

    def _is_over(self, outcome: Outcome, fault: QueueError | None) -> bool:
        """Tell the breaker how it went. True when the gateway is to be left alone."""
        if outcome.event in (Event.ACCEPTED, Event.REFUSED, Event.ABSENT) or outcome.refused:
            self.breaker.worked()
        elif fault is not None:
            return self.breaker.failed(
                wide=_is_wide(fault), retry_after_s=getattr(fault, "retry_after_s", None)
            )
        return False

    def _attempt(self, claim: Claim) -> tuple[Outcome, QueueError | None]:
        try:
            signed = self._ask(claim) if claim.kind == "ask" else self._send(claim)
            if signed is None:
                return Outcome(Event.ABSENT), None
            return Outcome(Event.ACCEPTED, receipt=self._verifier.receipt(signed, claim.entry)), None
        except DamagedEntry as error:
            return Outcome(Event.DAMAGED, error.code, error.message), None
        except CertificateError as error:
            return Outcome(Event.EXPIRED, error.code, error.message), None
        except ReceiptError as error:
            return Outcome(Event.UNSURE, error.code, error.message, self._wait_s(claim)), error
        except AwaitingReceipt as waiting:
            return Outcome(Event.UNSURE, waiting.code, waiting.message, self._wait_s(claim)), None
        except TransportFault as fault:
            return self._outcome(claim, fault), fault

    def _send(self, claim: Claim) -> SignedReceipt:
        name = claim.entry.submission_id
        counter = self._queue.counter_to_send(name)
        transaction, sealed = self._queue.outgoing(name)
        manifest, signature = self._queue.manifest(name), self._queue.signature(name)
        return self._transport.submit(Parcel(name, transaction, manifest, signature, counter, sealed))

    def _ask(self, claim: Claim) -> SignedReceipt | None:
        return self._transport.status(claim.entry.submission_id)

    def _outcome(self, claim: Claim, fault: TransportFault) -> Outcome:
        """A gateway that is away delays the pass, not the entry: the order stays."""
        if fault.certainty is Certainty.REFUSED and claim.kind == "send":
            final = claim.entry.refusals + 1 >= self._refusals
            event = Event.REFUSED if final else Event.UNSURE
            return Outcome(
                event, fault.code, fault.message, 0.0 if final else self._wait_s(claim), refused=True
            )
        if fault.certainty is Certainty.NOT_SENT:
            return Outcome(Event.NOT_SENT, fault.code, fault.message)
        delay_s = 0.0 if fault.gateway_wide else self._wait_s(claim)
        return Outcome(Event.UNSURE, fault.code, fault.message, delay_s)

    def _wait_s(self, claim: Claim) -> float:
        return self._backoff.delay_s((claim.entry.attempts + 1) // 2)

    def pull(
        self, report: StepReport | None = None, on_progress: Callable[[], None] = lambda: None
    ) -> StepReport:
        """Pull responses from the cursor on, page by page."""
        report = report or StepReport()
        for _ in range(PAGES):
            cursor = self._queue.cursor()
            try:
                page = self._transport.responses(cursor, PAGE)
            except TransportFault as fault:
                self.breaker.failed(wide=True, retry_after_s=fault.retry_after_s)
                return _ended(report, fault)
            self.breaker.worked()
            for item in page.items:
                report = self._take(report, item)
            on_progress()
            if not page.more or self._queue.cursor() == cursor:
                break
        return report

    def _take(self, report: StepReport, item: WireResponse | BadItem) -> StepReport:
        try:
            if isinstance(item, BadItem):
                raise ResponseError("response.malformed", item.reason)
            self._verifier.response(item)
            new = self._queue.keep_response(
                item.seq, item.tcr, item.content, tot=item.tot, signature=item.signature
            )
        except ResponseError as error:
            return replace(report, quarantined=report.quarantined + self._put_aside(item, error))
        if new:
            return replace(report, responses=report.responses + 1)
        return replace(report, duplicates=report.duplicates + 1)

    def _put_aside(self, item: WireResponse | BadItem, error: ResponseError) -> bool:
        """Keep it with the reason and go on. Its number, which nobody signed, may not carry the cursor far
        away."""
        raw = item.raw if isinstance(item, BadItem) else item.content
        new = self._queue.quarantine_response(item.seq, error.code, error.message, raw)
        if item.seq is not None and item.seq <= self._queue.cursor() + GAP:
            self._queue.move_cursor(item.seq)
        return new

    def run(
        self,
        stop: Callable[[], bool],
        on_progress: Callable[[], None],
        on_report: Callable[[StepReport], None] = lambda _: None,
    ) -> None:
        """Until stop() is true. on_progress is called at least every TICK_S while waiting and after every
        exchange:
        feed the watchdog with it. New entries are noticed within TICK_S unless the gateway is away."""
        self._recover()
        next_pull = self._clock.monotonic()
        while not stop():
            on_progress()
            now = self._clock.monotonic()
            if self.breaker.left_s() <= 0:
                pull = now >= next_pull
                report = self._pass(pull, stop, on_progress)
                if report != StepReport():
                    on_report(report)
                if pull or report.busy:
                    next_pull = self._clock.monotonic() + (0.0 if report.accepted else self._poll_s)
            if not stop():
                self.pause()
                self._clock.sleep(TICK_S)

    def pause(self) -> None:
        """What is done between two passes."""
        self._idle()

    def _pass(self, pull: bool, stop: Callable[[], bool], on_progress: Callable[[], None]) -> StepReport:
        """A store that fails (disk full, disk away) ends the pass like a gateway that is away: it may come
        back."""
        try:
            if self._stale:
                self._recover()
            return self.step(stop, on_progress) if pull else self.drain(stop, on_progress)
        except StoreFault as fault:
            self._stale = True
            self.breaker.failed(wide=True)
            return StepReport(fault=fault)

    def _recover(self) -> None:
        self._queue.recover(self._worker)
        self._stale = False


def _is_wide(fault: QueueError) -> bool:
    return isinstance(fault, TransportFault) and fault.gateway_wide


def _ended(report: StepReport, fault: QueueError | None) -> StepReport:
    return replace(report, fault=fault, retry_after_s=getattr(fault, "retry_after_s", None))


def _count(report: StepReport, outcome: Outcome) -> StepReport:
    name = str(outcome.event)
    return replace(report, **{name: getattr(report, name) + 1})
