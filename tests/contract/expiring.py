"""A station whose signing certificate lasts one hour, and the next one; its clock is moved by hand."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from station.sim.pki import Authority, PkiPaths, make_pki
from tests.conftest import FrozenClock

NOW = dt.datetime.now(dt.UTC)
HOUR = dt.timedelta(hours=1)


def short_lived(folder: Path) -> PkiPaths:
    """A whole PKI. `<signing cert>.next` and `<signing key>.next` are what the renewal will bring."""
    paths = make_pki(folder, FrozenClock(NOW))
    station = Authority.new("SIMULATED TEST station authority", NOW)
    paths.station_ca.write_bytes(station.cert_pem)
    client = station.issue("TLS", "client", NOW - HOUR, NOW + 20 * HOUR)
    paths.station_client_cert.write_bytes(client.cert_pem)
    paths.station_client_key.write_bytes(client.key_pem)
    for life, suffix in ((HOUR, ""), (20 * HOUR, ".next")):
        leaf = station.issue("signing", "signing", NOW - HOUR, NOW + life)
        Path(f"{paths.station_signing_cert}{suffix}").write_bytes(leaf.cert_pem)
        key = Path(f"{paths.station_signing_key}{suffix}")
        key.touch(mode=0o600)
        key.write_bytes(leaf.key_pem)
    return paths


def renew(pki: PkiPaths) -> None:
    """The next certificate takes the place of the one that ran out."""
    for path in (pki.station_signing_cert, pki.station_signing_key):
        Path(f"{path}.next").replace(path)
