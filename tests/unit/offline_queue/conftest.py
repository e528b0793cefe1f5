"""Keys made once, and an open queue on a frozen clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from offline_queue.receipts import Verifier
from offline_queue.signers import Signer, load_signer
from offline_queue.store import Queue
from offline_queue.vault import Vault
from station.sim.pki import PkiPaths, make_pki
from tests.conftest import FrozenClock
from tests.unit.offline_queue.kit import MemoryGateway


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PkiPaths:
    return make_pki(tmp_path_factory.mktemp("pki"), FrozenClock())


@pytest.fixture(scope="session")
def signer(pki: PkiPaths) -> Signer:
    return load_signer(pki.signing_uri)


@pytest.fixture(scope="session")
def gateway_signer(pki: PkiPaths) -> Signer:
    return load_signer(pki.receipt_signing_uri)


@pytest.fixture(scope="session")
def vault(pki: PkiPaths) -> Vault:
    return Vault.load(pki.station_vault_key)


@pytest.fixture
def verifier(pki: PkiPaths, clock: FrozenClock) -> Verifier:
    return Verifier(pki.gateway_ca.read_bytes(), clock)


@pytest.fixture
def gateway(gateway_signer: Signer, clock: FrozenClock) -> MemoryGateway:
    return MemoryGateway(gateway_signer, at=clock.utcnow)


@pytest.fixture
def opened(tmp_path: Path, vault: Vault, clock: FrozenClock) -> Iterator[Callable[..., Queue]]:
    """Opens the test's queue file, as often as asked; all are closed at the end."""
    queues: list[Queue] = []

    def open_queue(**options: Any) -> Queue:
        options = {"station_id": "ST-1", "free": lambda _: 10**12, "boot": lambda: "boot-1"} | options
        queues.append(Queue.open(tmp_path / "queue.db", vault, options.pop("clock", clock), **options))
        return queues[-1]

    yield open_queue
    for queue in queues:
        queue.close()


@pytest.fixture
def queue(opened: Callable[..., Queue]) -> Queue:
    return opened()
