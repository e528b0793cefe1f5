"""At the relay: what a revoked certificate of a station hands in is refused, and nothing of it is kept."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.testclient import TestClient

from offline_queue import certificates
from offline_queue.relay import web
from offline_queue.relay.intake import Intake, Refused
from offline_queue.relay.settings import parse
from offline_queue.revocation import Lists, Revocation
from offline_queue.signers import load_signer
from station.sim.pki import Authority
from station.sim.relay_world import SimStation
from tests.conftest import FrozenClock
from tests.unit.relay.kit import Desk

NOW = dt.datetime.now(dt.UTC)
HOUR = dt.timedelta(hours=1)


class Watched(Desk):
    """The desk, with a folder of lists that the stations' authority writes."""

    authority: Authority
    lists: Path

    def revoke(self, der: bytes) -> None:
        serial = certificates.from_der(der).serial_number
        entry = {serial: (NOW - HOUR, x509.ReasonFlags.key_compromise)}
        (self.lists / "stations.crl").write_bytes(self.authority.crl(NOW, entry))


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole suite takes long: certificates that a test makes must be good at that test's own time."""
    monkeypatch.setitem(globals(), "NOW", dt.datetime.now(dt.UTC))


@pytest.fixture
def watched(desk: Desk, tmp_path: Path) -> Watched:
    desk.__class__ = Watched
    assert isinstance(desk, Watched)
    desk.authority, desk.lists = Authority.new("SIMULATED TEST county stations", NOW), tmp_path / "crl"
    desk.lists.mkdir()
    anchors = desk.authority.issued.cert_pem
    desk.intake = Intake(
        desk.database, desk.vault, load_signer(desk.settings.custody.signer), "SIMULATED relay", anchors,
        FrozenClock(NOW), revocation=Revocation(Lists(desk.lists), certificates.from_pem(anchors)),
    )  # fmt: skip
    return desk


@pytest.fixture
def station(watched: Watched, tmp_path: Path) -> SimStation:
    """Station 1, with a signing certificate under the authority of this test."""
    issued = watched.authority.issue("ST-001 signing", "signing", NOW - HOUR, NOW + HOUR)
    (tmp_path / "st.pem").write_bytes(issued.cert_pem)
    key = tmp_path / "st.key"
    key.touch(mode=0o600)
    key.write_bytes(issued.key_pem)
    first = watched.county.stations[0]
    signer = load_signer(f"file:{key}?cert={tmp_path}/st.pem")
    return SimStation(first.number, first.id, first.ori, first.client_cert, first.client_key, signer)


def test_a_submission_under_a_revoked_signing_certificate_is_refused_and_not_kept(
    watched: Watched, station: SimStation
) -> None:
    assert watched.hand_in(station, "s-1").new
    watched.revoke(station.signer.certificate)
    with pytest.raises(Refused) as caught:
        watched.hand_in(station, "s-2")
    assert (caught.value.code, caught.value.status) == ("certificate.revoked", 422)
    assert watched.database.one("SELECT count(*) AS n FROM submission") == {"n": 1}
    assert not watched.hand_in(station, "s-1").new, "what is in custody is receipted again"


def test_a_revoked_tls_certificate_gets_no_answer_but_its_refusal(
    watched: Watched, station: SimStation
) -> None:
    watched.hand_in(station, "s-1")
    issued = watched.authority.issue("ST-001 TLS", "client", NOW - HOUR, NOW + HOUR)
    der = certificates.from_pem(issued.cert_pem)[0].public_bytes(Encoding.DER)
    desk = web.Desk(watched.intake, watched.vault, threads=1)
    application = desk.application()

    async def connected(scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = {"client": f"{station.id} TLS", "certificate": der}
        await application(scope, receive, send)

    try:
        with TestClient(connected) as client:
            assert client.get("/v1/submissions/s-1").status_code == 200
            watched.revoke(der)
            refused = client.get("/v1/submissions/s-1")
    finally:
        desk._threads.submit(watched.database.close).result()  # each thread has a connection of its own
        desk.close()
    assert (refused.status_code, refused.json()["code"]) == (403, "certificate_revoked")


def test_the_folder_of_lists_is_a_setting_and_lies_beside_the_file(watched: Watched, tmp_path: Path) -> None:
    text = (watched.county.folder / "relay.toml").read_text()
    assert parse(text, tmp_path).listen.crl_folder is None
    more = text.replace("[listen]", '[listen]\ncrl_folder = "crl"')
    assert parse(more, tmp_path).listen.crl_folder == tmp_path / "crl"
