"""What the campaigns of the queue share: keys, a clock that is moved, readable transactions, a queue that reboots.

In: a folder. Out: everything needed to open a queue in it and to send to the simulated gateway. Synthetic data only.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from offline_queue.clock import SystemClock
from offline_queue.models import Submission
from offline_queue.receipts import Verifier
from offline_queue.signers import Signer, load_signer
from offline_queue.store import Limits, Queue
from offline_queue.transports import Transport, load_transport
from offline_queue.trust import TimeSource
from offline_queue.vault import Vault
from station.records.encode import encode
from station.records.header import Header
from station.records.tot import second_stage
from station.sim.pki import PkiPaths, make_pki

Progress = Callable[[str], None]
STATION = "ST-BENCH"
ORI = "ZZ0000000"
TCN = "BENCH-{:012d}"
PLENTY = 10**12
FIRST_YEAR = dt.datetime(1970, 1, 1, 0, 0, 7, tzinfo=dt.UTC)


class MovedClock:
    """Time that passes only when somebody sleeps or moves it. `wall` is what the wall clock showed at the start."""

    def __init__(self, wall: dt.datetime, since_boot_s: float = 5.0) -> None:
        self._wall = wall
        self._begin = self._now = since_boot_s

    def monotonic(self) -> float:
        return self._now

    def utcnow(self) -> dt.datetime:
        return self._wall + dt.timedelta(seconds=self._now - self._begin)

    def sleep(self, seconds: float) -> None:
        self._now += seconds

    def set_wall(self, wall: dt.datetime) -> None:
        """The wall clock steps; the monotonic one does not notice."""
        self._wall = wall - dt.timedelta(seconds=self._now - self._begin)


@dataclass
class World:
    """Keys and folders of one campaign; `clock` is exchanged at every reboot."""

    folder: Path
    clock: MovedClock = field(default_factory=lambda: MovedClock(SystemClock().utcnow()))
    boots: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.pki: PkiPaths = make_pki(self.folder / "pki", SystemClock())
        self.vault = Vault.load(self.pki.station_vault_key)
        self.signer: Signer = load_signer(self.pki.signing_uri)
        self._template = _template()

    def open_queue(self, limits: Limits | None = None, time_source: TimeSource | None = None) -> Queue:
        """The queue of this folder in the present boot. time_source: None where nobody doubts the clock."""
        boot = f"boot-{self.boots}"
        return Queue.open(
            self.folder / "queue.db",
            self.vault,
            self.clock,
            station_id=STATION,
            limits=limits or Limits(open_entries=10**6),
            free=lambda _: PLENTY,
            boot=lambda: boot,
            time_source=time_source,
        )

    def reboot(self, wall: dt.datetime) -> None:
        """A new boot: another boot id, a monotonic clock near zero, the wall clock at `wall`."""
        self.boots += 1
        self.clock = MovedClock(wall)

    def verifier(self) -> Verifier:
        return Verifier(self.pki.gateway_ca.read_bytes(), self.clock)

    def transport(self, url: str, deadline_s: float) -> Transport:
        """HTTPS with real time: only the queue's own clock is moved."""
        options = {
            "ca": str(self.pki.gateway_ca),
            "client_cert": str(self.pki.station_client_cert),
            "client_key": str(self.pki.station_client_key),
            "total_deadline_s": str(deadline_s),
        }
        return load_transport(url, options)

    def submission(self, n: int, prefix: str = "s") -> Submission:
        """The n-th submission: a transaction the simulated gateway can read, with its own control number."""
        tcn = TCN.format(n)
        payload = self._template.replace(TCN.format(0).encode(), tcn.encode())
        return Submission(f"{prefix}-{n}", tcn, second_stage.TOT, ORI, payload)


def _template() -> bytes:
    header = Header(
        TCN.format(0), "ZZSIMSIB0", ORI, dt.date(2026, 1, 1), dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    )
    return encode(second_stage.build(header, ["A TEXT OF A TEST. DESCRIBES NOBODY."] * 4))
