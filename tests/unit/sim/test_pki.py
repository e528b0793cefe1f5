from __future__ import annotations

import datetime as dt
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from station.sim.pki import LIFE, Authority, PkiPaths, make_pki
from tests.conftest import FrozenClock

DAY = 86400.0


@pytest.fixture
def pki(tmp_path: Path, clock: FrozenClock) -> PkiPaths:
    return make_pki(tmp_path / "pki", clock)


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_everything_is_there_and_keys_are_for_their_owner_alone(pki: PkiPaths) -> None:
    for name, path in vars(pki).items():
        assert path.exists(), name
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o600 if name.endswith("_key") else 0o644), name
    assert len(pki.station_vault_key.read_bytes()) == 32


def test_nothing_can_be_mistaken_for_a_real_agency(pki: PkiPaths) -> None:
    for name, path in vars(pki).items():
        if name.endswith(("_ca", "_cert")):
            assert "SIMULATED TEST" in certificate(path).subject.rfc4514_string()


def test_the_authorities_keys_are_not_kept(pki: PkiPaths) -> None:
    assert {path.name for path in pki.station_ca.parent.iterdir()} == {
        path.name for path in vars(pki).values()
    }


@pytest.mark.parametrize(
    ("leaf", "authority", "use"),
    [
        ("station_client", "station_ca", ExtendedKeyUsageOID.CLIENT_AUTH),
        ("station_signing", "station_ca", ExtendedKeyUsageOID.EMAIL_PROTECTION),
        ("gateway_server", "gateway_ca", ExtendedKeyUsageOID.SERVER_AUTH),
        ("gateway_receipt", "gateway_ca", ExtendedKeyUsageOID.EMAIL_PROTECTION),
        ("gateway_wrong_name", "gateway_ca", ExtendedKeyUsageOID.SERVER_AUTH),
    ],
)
def test_each_leaf_has_its_issuer_its_use_and_a_short_life(
    pki: PkiPaths, leaf: str, authority: str, use: x509.ObjectIdentifier, clock: FrozenClock
) -> None:
    found = certificate(getattr(pki, f"{leaf}_cert"))
    found.verify_directly_issued_by(certificate(getattr(pki, authority)))
    assert use in found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert found.not_valid_before_utc < clock.utcnow() < found.not_valid_after_utc
    assert found.not_valid_after_utc - clock.utcnow() <= LIFE


def test_fault_certificates_are_wrong_as_their_name_says(pki: PkiPaths, clock: FrozenClock) -> None:
    assert certificate(pki.gateway_expired_cert).not_valid_after_utc < clock.utcnow()
    names = certificate(pki.gateway_wrong_name_cert).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["other.invalid"]
    good = (
        certificate(pki.gateway_server_cert)
        .extensions.get_extension_for_class(x509.SubjectAlternativeName)
        .value
    )
    assert good.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(address) for address in good.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]


def test_a_second_call_changes_nothing(pki: PkiPaths, tmp_path: Path, clock: FrozenClock) -> None:
    before = {path: path.read_bytes() for path in vars(pki).values()}
    clock.move(DAY)
    assert make_pki(tmp_path / "pki", clock) == pki == PkiPaths.at(tmp_path / "pki")
    assert {path: path.read_bytes() for path in vars(pki).values()} == before


@pytest.mark.parametrize("step_s", [29 * DAY, 400 * DAY, -DAY])
def test_what_ends_soon_or_begins_later_is_renewed_but_the_vault_key_stays(
    pki: PkiPaths, tmp_path: Path, clock: FrozenClock, step_s: float
) -> None:
    vault, ca = pki.station_vault_key.read_bytes(), pki.station_ca.read_bytes()
    clock.step_wall(step_s)
    make_pki(tmp_path / "pki", clock)
    assert pki.station_vault_key.read_bytes() == vault
    assert pki.station_ca.read_bytes() != ca
    certificate(pki.station_client_cert).verify_directly_issued_by(certificate(pki.station_ca))


def test_a_half_made_folder_is_completed(pki: PkiPaths, tmp_path: Path, clock: FrozenClock) -> None:
    pki.gateway_receipt_key.unlink()
    (tmp_path / "pki" / "station-ca.pem.new").write_bytes(b"left by a crash")
    make_pki(tmp_path / "pki", clock)
    assert pki.gateway_receipt_key.exists()
    assert not (tmp_path / "pki" / "station-ca.pem.new").exists()


def test_an_authority_issues_authorities_below_it(clock: FrozenClock) -> None:
    root = Authority.new("root", clock.utcnow())
    middle = root.issue_authority("middle", clock.utcnow())
    leaf = middle.issue("leaf", "client", clock.utcnow(), clock.utcnow() + dt.timedelta(days=1))
    middle.issued.certificate.verify_directly_issued_by(root.issued.certificate)
    leaf.certificate.verify_directly_issued_by(middle.issued.certificate)
    assert leaf.cert_pem.startswith(b"-----BEGIN CERTIFICATE")
