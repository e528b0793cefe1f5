"""The gateway of a campaign, whose memory is a folder, and the synthetic submissions sent to it.

In: parcels. Out: signed receipts, a file `effects` with a line for each arrival. It takes doubles as often as they
come: that none come is the station's work.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

from offline_queue import cms
from offline_queue.canonical import dumps, loads
from offline_queue.clock import SystemClock, stamp
from offline_queue.models import Submission
from offline_queue.outward import Openers
from offline_queue.signers import Signer
from offline_queue.transports import Parcel
from offline_queue.wire import ResponsePage, SignedReceipt

PAYLOAD = 9000


def number(submission_id: str) -> int:
    """The n it was made from."""
    return int(submission_id.split("-")[1])


def submission(n: int) -> Submission:
    """Always the same bytes for the same n."""
    return Submission(
        f"s-{n}", f"BENCH{n:08}", "CAR", "ZZ0000000", (f"payload {n} " * PAYLOAD).encode()[:PAYLOAD]
    )


class FolderGateway:
    """Keeps what arrives in a folder, takes everything as often as it comes, and signs. It never removes doubles: that
    none come is the station's work."""

    def __init__(
        self, folder: Path, signer: Signer, step: Callable[[], None], openers: Openers | None = None
    ) -> None:
        self.folder, self._signer, self._step = folder, signer, step
        self._openers = openers or Openers()
        self.die_at, self._taken = 0, 0  # the process dies once it has taken so many, before it answers

    def submit(self, parcel: Parcel) -> SignedReceipt:
        self._step()
        path = self.folder / parcel.submission_id
        path.write_bytes(parcel.manifest)
        cms.check_signature(parcel.manifest, parcel.signature)
        with (self.folder / "effects").open("a") as effects:
            effects.write(f"{parcel.submission_id} {self._right(parcel)}\n")
        self._taken += 1
        if self._taken == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self._step()
        return self._receipt(path)

    def status(self, submission_id: str) -> SignedReceipt | None:
        self._step()
        return self._receipt(self.folder / submission_id) if submission_id in self.effects() else None

    def responses(self, after: int, limit: int) -> ResponsePage:  # noqa: ARG002
        return ResponsePage((), False)

    def close(self) -> None: ...

    def effects(self) -> list[str]:
        """The id of everything that arrived, as often as it did."""
        return [line.split()[0] for line in self._lines()]

    def wrong(self) -> int:
        """How often bytes arrived that were not those of this submission."""
        return sum(line.split()[1] != "True" for line in self._lines())

    def _right(self, parcel: Parcel) -> bool:
        content = parcel.transaction
        if parcel.sealed:
            content = self._openers.submission(content, parcel.submission_id)
        return content == submission(number(parcel.submission_id)).payload

    def _lines(self) -> list[str]:
        path = self.folder / "effects"
        return path.read_text().splitlines() if path.exists() else []

    def _receipt(self, path: Path) -> SignedReceipt:
        said, now = loads(path.read_bytes()), SystemClock().utcnow()
        value = {name: said[name] for name in ("submission_id", "tcn")} | said["parts"][0]
        value |= {"schema": 1, "gateway": "SIMULATED", "received_at": stamp(now), "custody": True}
        value.pop("name")
        receipt = dumps(value)
        return SignedReceipt(receipt, cms.sign_detached(receipt, self._signer, now))
