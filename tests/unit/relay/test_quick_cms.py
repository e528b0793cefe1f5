"""A signature from the template is what cms.sign_detached would have made, for openssl too."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline_queue import cms
from offline_queue.errors import CmsError
from offline_queue.relay.quick_cms import QuickSigner
from station.sim.relay_world import County


@pytest.fixture(scope="module")
def now(county: County) -> dt.datetime:
    """A moment at which the certificates of this county, which were just made, are valid."""
    del county
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


@given(content=st.binary(max_size=200), minutes=st.integers(0, 10_000))
def test_it_verifies_with_the_time_and_the_signer(
    county: County, now: dt.datetime, content: bytes, minutes: int
) -> None:
    station = county.stations[0]
    moment = now + dt.timedelta(minutes=minutes)
    der = QuickSigner(station.signer, now).sign(content, moment)
    found = cms.verify_detached(content, der, county.station_ca.read_bytes(), now)
    assert found.signing_time == moment
    assert found.certificate == station.signer.certificate
    with pytest.raises(CmsError):
        cms.verify_detached(content + b"x", der, county.station_ca.read_bytes(), now)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed (Debian: openssl)")
def test_openssl_accepts_it(county: County, now: dt.datetime, tmp_path: Path) -> None:
    content, der = tmp_path / "content", tmp_path / "content.p7s"
    content.write_bytes(b"a receipt")
    der.write_bytes(QuickSigner(county.stations[1].signer, now).sign(b"a receipt", now))
    command = [
        "openssl",
        "cms",
        "-verify",
        "-binary",
        "-inform",
        "DER",
        "-in",
        str(der),
        "-content",
        str(content),
    ]
    done = subprocess.run([*command, "-CAfile", str(county.station_ca), "-out", "/dev/null"], check=False)
    assert done.returncode == 0
