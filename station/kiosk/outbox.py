"""The offline queue as the officer sees it: entries with plain words, receipts, responses tied to a booking.

In: the queue (read only) and a decoder of responses. Out: dictionaries for JSON and pages. A response is what an
agency returned for comparison; nothing here says who a person is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

STATE_WORDS: dict[str, tuple[str, str, str]] = {
    "ready": (
        "◔",
        "Queued",
        "Signed and saved on this station. It is sent as soon as the gateway can be reached.",
    ),
    "sending": ("⇡", "Sending", "It is on its way to the gateway."),
    "unknown": (
        "◔",
        "Checking",
        "The line broke while it was sent. The station asks before it sends again.",
    ),
    "asking": ("◔", "Checking", "The station is asking the gateway whether it has arrived."),
    "held": ("‖", "Held", "Somebody or a rule has stopped it. A supervisor can release it."),
    "custody": (
        "✓",
        "In custody",
        "The gateway has signed that it has the submission. The answer is still to come.",
    ),
    "answered": ("✉", "Answered", "The gateway has it, and an answer has come."),
    "quarantined": (
        "✕",
        "Refused",
        "The gateway has refused it. Nothing is sent until somebody has looked at it.",
    ),
}
"""State of an entry → icon, word, sentence. Word and icon always together, never colour alone."""


class Queue(Protocol):
    """What the kiosk reads of `offline_queue.store.Queue`."""

    def counts(self) -> dict[Any, int]: ...
    def entries(self, state: Any = None) -> Sequence[Any]: ...
    def entry(self, submission_id: str) -> Any: ...
    def responses(self, after: int = 0) -> Sequence[Any]: ...


class Outbox:
    """Reads the queue for the kiosk. read: response bytes → a value with `tot`; plain: that value → lines."""

    def __init__(self, queue: Queue, read: Callable[[bytes], Any], plain: Callable[[Any], list[str]]) -> None:
        self._queue = queue
        self._read = read
        self._plain = plain

    def overview(self) -> dict[str, Any]:
        """Counts by state and every entry, newest first."""
        entries = sorted(self._queue.entries(), key=lambda entry: -entry.seq)
        counts = {str(state): number for state, number in self._queue.counts().items()}
        return {"counts": counts, "entries": [entry_view(entry) for entry in entries]}

    def waiting(self) -> int:
        """How many entries the gateway is not known to have."""
        done = {"custody", "answered", "quarantined"}
        return sum(number for state, number in self._queue.counts().items() if str(state) not in done)

    def entry(self, submission_id: str) -> dict[str, Any]:
        """One entry with its words."""
        return entry_view(self._queue.entry(submission_id))

    def responses(self, tcn: str) -> list[dict[str, Any]]:
        """Everything that came back for a control number, in the order it came."""
        return [self._response(each) for each in self._queue.responses() if each.tcr == tcn]

    def _response(self, stored: Any) -> dict[str, Any]:
        view = {"seq": stored.seq, "tcr": stored.tcr, "tot": stored.tot, "kept_at": _time(stored.kept_at)}
        try:
            return {**view, "plain": self._plain(self._read(stored.content))}
        except Exception as error:
            if not hasattr(error, "code"):
                raise
            return {
                **view,
                "plain": ["The answer cannot be read; it is kept for the service."],
                "error": error.code,
            }


def entry_view(entry: Any) -> dict[str, Any]:
    """An entry as JSON, with icon, word and sentence of its state."""
    icon, word, sentence = STATE_WORDS.get(str(entry.state), ("?", str(entry.state), ""))
    return {
        "submission_id": entry.submission_id,
        "tcn": entry.tcn,
        "tot": entry.tot,
        "seq": entry.seq,
        "state": str(entry.state),
        "icon": icon,
        "word": word,
        "sentence": sentence,
        "size": entry.size,
        "sha256": entry.sha256,
        "created_at": _time(entry.created_at),
        "attempts": entry.attempts,
        "last_error": entry.last_error,
        "receipt_at": _time(entry.receipt_at),
    }


def _time(value: Any) -> str | None:
    return None if value is None else value.strftime("%Y-%m-%dT%H:%M:%SZ")
