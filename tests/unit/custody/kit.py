"""Bundles of a queue in which everything happened: sent, received, answered, held, exported."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from offline_queue import canonical, cms
from offline_queue.receipts import Verifier
from offline_queue.signers import Signer, load_signer
from offline_queue.store import Queue
from offline_queue.sync import Sync
from offline_queue.vault import Vault
from station.custody import bundle, revoked
from station.custody.proof import anchors
from station.custody.verify import verify
from station.sim.pki import PkiPaths
from tests.conftest import REPO, FrozenClock
from tests.unit.offline_queue.kit import MemoryGateway, submission

VERIFIERS = REPO / "docs/verify"


class Station:
    """A queue of three entries on a frozen clock; the second is in custody and answered twice."""

    def __init__(self, folder: Path, pki: PkiPaths) -> None:
        self.pki = pki
        self.clock = FrozenClock()
        self.signer: Signer = load_signer(pki.signing_uri)
        self.queue = Queue.open(
            folder / "queue.db",
            Vault.load(pki.station_vault_key),
            self.clock,
            station_id="ST-1",
            free=lambda _: 10**12,
            boot=lambda: "boot-1",
        )
        self.gateway = MemoryGateway(load_signer(pki.receipt_signing_uri), at=self.clock.utcnow)
        self.work()

    def work(self) -> None:
        self.queue.seal_audit_when_due(self.signer)
        for n in (1, 2):
            self.queue.enqueue(submission(n), self.signer)
            self.clock.move(60)
        self.queue.hold("sub-1", "wrong person")
        self.clock.move(3600)
        self.queue.seal_audit_when_due(self.signer)
        self.gateway.answer(1, "TCN0000002")
        self.gateway.answer(2, "TCN0000002", b"another answer")
        verifier = Verifier(self.pki.gateway_ca.read_bytes(), self.clock)
        sync = Sync(self.queue, self.gateway, verifier, self.clock, "sync", deadline_s=1.0, poll_s=1.0)
        sync.step(lambda: False)
        self.queue.enqueue(submission(3), self.signer)
        self.queue.hold("sub-3")

    def bundle(self, name: str = "sub-2", **options: bool) -> dict[str, Any]:
        self.queue.seal_audit(self.signer, "export")
        made: dict[str, Any] = json.loads(bundle.make(self.queue, self.queue.entry(name), **options))
        return made

    def sign(self, content: bytes) -> bytes:
        return cms.sign_detached(content, self.signer, self.clock.utcnow())

    def python(self, value: dict[str, Any] | bytes, *lists: Path) -> dict[str, Any]:
        data = value if isinstance(value, bytes) else canonical.dumps(value)
        station, gateway = (anchors(path.read_bytes()) for path in (self.pki.station_ca, self.pki.gateway_ca))
        read = [revoked.read(path.read_bytes()) for path in lists]
        return verify(data, station, gateway, lists=read)

    def node(self, *paths: Path, lists: Sequence[Path] = ()) -> list[dict[str, Any]]:
        """The other verifier on files or folders."""
        program = shutil.which("node")
        if program is None:
            pytest.skip("node is not installed (Debian: nodejs): the second verifier is not run")
        authorities = ["--ca", str(self.pki.station_ca), "--gateway-ca", str(self.pki.gateway_ca)]
        authorities += [word for path in lists for word in ("--crl", str(path))]
        done = subprocess.run(
            [program, str(VERIFIERS / "verify.mjs"), *map(str, paths), *authorities, "--json"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.stderr == ""
        reports = [json.loads(line) for line in done.stdout.splitlines()]
        assert done.returncode == (0 if all(report["ok"] for report in reports) else 1)
        return reports
