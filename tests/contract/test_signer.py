"""Every signer in offline_queue/signers: signs what verifies, and refuses keys that cannot be used."""

from __future__ import annotations

import pkgutil
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from offline_queue import cms, signers
from offline_queue.clock import SystemClock
from offline_queue.errors import SignerError
from offline_queue.signers import Signer, load_signer
from station.sim.pki import PkiPaths, make_pki
from tests.contract import softhsm


def in_token(pki: PkiPaths) -> str:
    module = softhsm.import_key("contract", pki.station_signing_key, f"key {pki.station_ca.parent}", "0a01")
    files = f"cert={quote(str(pki.station_signing_cert))}&chain={quote(str(pki.station_ca))}"
    name = quote(f"key {pki.station_ca.parent}", safe="")
    return f"pkcs11:token=contract;object={name}?module-path={module}&pin-value={softhsm.PIN}&{files}"


def in_credential(pki: PkiPaths) -> str:
    """With the real systemd-creds and this machine's own host key."""
    if shutil.which("systemd-creds") is None:
        pytest.skip("systemd-creds is not installed (Debian: systemd)")
    path = pki.station_ca.with_name("signing.cred")
    command = ["systemd-creds", "encrypt", "--with-key=host", "--name=signing", pki.station_signing_key, path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(
            f"systemd-creds cannot encrypt: run on a machine with a host key: {done.stderr.strip()[-99:]}"
        )
    files = f"cert={quote(str(pki.station_signing_cert))}&chain={quote(str(pki.station_ca))}"
    return f"systemd-creds:{quote(str(path))}?name=signing&{files}"


HARNESS: dict[str, Callable[[PkiPaths], str]] = {
    "file": lambda pki: pki.signing_uri,
    "pkcs11": in_token,
    "systemd_creds": in_credential,
}
PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PkiPaths:
    return make_pki(tmp_path_factory.mktemp("a folder with spaces"), SystemClock())


@pytest.fixture(params=sorted(HARNESS), scope="module")
def signer(request: pytest.FixtureRequest, pki: PkiPaths) -> Signer:
    return load_signer(HARNESS[request.param](pki))


def test_every_signer_of_the_folder_is_under_this_contract() -> None:
    assert {info.name for info in pkgutil.iter_modules(signers.__path__)} == set(HARNESS)


def test_a_signature_verifies_under_its_certificate(signer: Signer) -> None:
    key = x509.load_der_x509_certificate(signer.certificate).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(signer.sign(b"data"), b"data", ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        key.verify(signer.sign(b"data"), b"Data", ec.ECDSA(hashes.SHA256()))


def test_the_chain_leads_to_the_authority(signer: Signer, pki: PkiPaths) -> None:
    authority = x509.load_pem_x509_certificate(pki.station_ca.read_bytes())
    assert signer.chain == (authority.public_bytes(serialization.Encoding.DER),)


def test_a_cms_of_it_verifies_to_the_authority(signer: Signer, pki: PkiPaths) -> None:
    now = SystemClock().utcnow()
    der = cms.sign_detached(b"data", signer, now)
    assert (
        cms.verify_detached(b"data", der, pki.station_ca.read_bytes(), now).certificate == signer.certificate
    )


def test_large_and_empty_data_are_signed(signer: Signer) -> None:
    assert signer.sign(b"") != signer.sign(bytes(2_000_000))


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("", "signer.uri"),
        ("no uri", "signer.uri"),
        ("../x:/key", "signer.uri"),
        ("quantum:/key", "signer.unknown_scheme"),
        ("file:/key.pem", "signer.uri"),
        ("file:?cert=/c.pem", "signer.uri"),
        ("file://host/key.pem?cert=/c.pem", "signer.uri"),
        ("file:/key.pem?cert=/c.pem&pin=1", "signer.uri"),
        ("file:/none/key.pem?cert=/none/c.pem", "signer.key_missing"),
    ],
)
def test_a_uri_that_names_no_key_is_refused(uri: str, code: str) -> None:
    with pytest.raises(SignerError) as error:
        load_signer(uri)
    assert (error.value.code, bool(error.value.advice)) == (code, True)


def test_a_signer_whose_library_is_missing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise ModuleNotFoundError("no tokens here", name="tokenlib")

    monkeypatch.setattr(signers.importlib, "import_module", broken)
    with pytest.raises(SignerError) as error:
        load_signer("token:/key")
    assert error.value.code == "signer.library_missing"


def refused(tmp_path: Path, key: bytes, cert: bytes, mode: int = 0o600) -> str:
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "key.pem").chmod(mode)
    (tmp_path / "cert.pem").write_bytes(cert)
    with pytest.raises(SignerError) as error:
        load_signer(f"file:{tmp_path}/key.pem?cert={tmp_path}/cert.pem")
    return error.value.code


def test_keys_that_cannot_be_used_are_named(tmp_path: Path, pki: PkiPaths) -> None:
    key, cert = pki.station_signing_key.read_bytes(), pki.station_signing_cert.read_bytes()
    other_curve = ec.generate_private_key(ec.SECP384R1()).private_bytes(
        PEM, PKCS8, serialization.NoEncryption()
    )
    other_kind = rsa.generate_private_key(65537, 2048).private_bytes(PEM, PKCS8, serialization.NoEncryption())
    locked = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        PEM, PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    assert refused(tmp_path, key, cert, 0o644) == "signer.key_too_open"
    assert refused(tmp_path, b"junk", cert) == "signer.key_malformed"
    assert refused(tmp_path, locked, cert) == "signer.key_malformed"
    assert refused(tmp_path, other_curve, cert) == "signer.key_type"
    assert refused(tmp_path, other_kind, cert) == "signer.key_type"
    assert refused(tmp_path, key, b"junk") == "signer.certificate_missing"
    assert refused(tmp_path, key, pki.station_client_cert.read_bytes()) == "signer.certificate_other_key"


def test_a_missing_certificate_is_named(pki: PkiPaths) -> None:
    with pytest.raises(SignerError) as error:
        load_signer(f"file:{pki.station_signing_key}?cert=/none.pem".replace(" ", "%20"))
    assert error.value.code == "signer.certificate_missing"
