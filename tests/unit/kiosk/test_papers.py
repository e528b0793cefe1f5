"""Days left of the certificates, in the status bar from thirty days on."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from offline_queue.errors import SignerError
from station.kiosk.papers import Papers
from station.sim.pki import Authority
from tests.conftest import FrozenClock

NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def papers(folder: Path, days: float, clock: FrozenClock) -> Papers:
    authority = Authority.new("SIMULATED TEST authority", NOW)
    end = NOW + dt.timedelta(days=days)
    client = authority.issue("TLS", "client", NOW - dt.timedelta(days=1), end)
    (folder / "client.pem").write_bytes(client.cert_pem)
    long = authority.issue("signing", "signing", NOW - dt.timedelta(days=1), NOW + dt.timedelta(days=400))
    signer: Any = SimpleNamespace(certificate=long.certificate.public_bytes(Encoding.DER))
    return Papers(lambda: signer, folder / "client.pem", clock)


@pytest.mark.parametrize(
    ("days", "said", "ok"),
    [
        (31.5, None, None),
        (30.5, "Certificate (gateway): 30 days left", None),
        (7.5, "Certificate (gateway): 7 days left", False),
        (1.5, "Certificate (gateway): 1 day left", False),
        (-0.5, "Certificate (gateway) has ended", False),
    ],
)
def test_the_bar_counts_down(tmp_path: Path, days: float, said: str | None, ok: bool | None) -> None:
    lines = papers(tmp_path, days, FrozenClock(NOW)).lines()
    assert [(line.text, line.ok) for line in lines] == ([] if said is None else [(said, ok)])
    assert all("station keys renew" in line.advice for line in lines)


def test_it_looks_again_after_an_hour_and_passes_over_what_cannot_be_read(tmp_path: Path) -> None:
    clock = FrozenClock(NOW)
    bar = papers(tmp_path, 20.5, clock)
    assert len(bar.lines()) == 1
    (tmp_path / "client.pem").write_text("rubbish")
    assert len(bar.lines()) == 1
    clock.move(3601)
    assert bar.lines() == []

    def broken() -> Any:
        raise SignerError("signer.key_missing", "no key")

    assert Papers(broken, tmp_path / "none.pem", clock).lines() == []
