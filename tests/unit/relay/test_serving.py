"""How the relay serves: what a connection costs, what its processes are started with, what it remembers."""

from __future__ import annotations

import datetime as dt
import os
import sys
from pathlib import Path

import pytest

from offline_queue import cms
from offline_queue.clock import SystemClock
from offline_queue.errors import CertificateError
from offline_queue.relay import intake
from offline_queue.relay.processes import KEPT_MEMORY, Child, Family
from offline_queue.relay.serving import server_context
from offline_queue.relay.settings import load
from station.sim.relay_world import County
from tests.unit.relay.kit import Desk


def test_no_session_is_resumed_so_every_connection_shows_its_certificate(county: County) -> None:
    listen = load(county.config("postgresql:///x", "https://localhost:9")).listen
    assert server_context(listen).num_tickets == 0


@pytest.mark.parametrize("own", [None, "4096"])
def test_children_keep_their_memory_unless_the_site_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str | None
) -> None:
    name, out = "MALLOC_TRIM_THRESHOLD_", tmp_path / "out"
    monkeypatch.delenv(name, raising=False)
    if own is not None:
        monkeypatch.setenv(name, own)
    code = f"import os, pathlib; pathlib.Path({os.fspath(out)!r}).write_text(os.environ[{name!r}])"
    child = Child("child", (sys.executable, "-c", code))
    Family([child], SystemClock(), lambda _: None).tick()
    assert child.process is not None
    assert child.process.wait(30) == 0
    os.close(child.pipe)
    assert out.read_text() == (own or KEPT_MEMORY[name])


def test_a_station_is_remembered_for_a_while(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert desk.intake.remembered("ST-001 TLS") is None, "the database was not asked yet"
    row = desk.intake.station("ST-001 TLS")
    assert desk.intake.remembered("ST-001 TLS") == row
    monkeypatch.setattr(intake, "KNOWN_S", -1.0)
    assert desk.intake.remembered("ST-001 TLS") is None


def test_a_certificate_that_was_good_a_moment_ago_still_runs_out(county: County) -> None:
    parcel, now = county.stations[0].parcel("s-1", b"bytes"), SystemClock().utcnow()
    anchors = county.station_ca.read_bytes()
    for _ in range(2):
        cms.verify_detached(parcel.manifest, parcel.signature, anchors, now)
        for days, code in ((30, "expired"), (-30, "not_yet_valid")):
            with pytest.raises(CertificateError, match=rf"certificate\.{code}"):
                cms.verify_detached(parcel.manifest, parcel.signature, anchors, now + dt.timedelta(days))
        with pytest.raises(CertificateError, match=r"certificate\.untrusted"):
            cms.verify_detached(parcel.manifest, parcel.signature, county.relay_ca.read_bytes(), now)
