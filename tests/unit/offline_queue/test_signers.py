"""Signers beyond the contract: keys made in place, lost sessions, wrong PINs, credentials of a service, URIs."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
from asn1crypto import csr
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from offline_queue import keypair, pkcs11_uri
from offline_queue.errors import SignerError
from offline_queue.keyfile import read_secret
from offline_queue.pkcs11_uri import Pkcs11Uri, parse
from offline_queue.signers import certificate_path, create_key, load_key, load_signer, systemd_creds
from station.sim.pki import Authority
from tests.contract import softhsm
from tests.unit.offline_queue.kit import AT

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30)
PATHS = TEXT.map(lambda text: Path("/" + text.strip("/") or "/x"))


def code(uri: str, what: object = load_signer) -> str:
    with pytest.raises(SignerError) as error:
        what(uri)  # type: ignore[operator]
    assert error.value.advice
    return error.value.code


def verify(public: bytes, signature: bytes, data: bytes) -> None:
    key = serialization.load_der_public_key(public)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(signature, data, ec.ECDSA(hashes.SHA256()))


def certificate_for(public: bytes, folder: Path) -> tuple[Path, Path]:
    """A certificate for a key that never leaves its place, and its authority, as PEM files."""
    authority = Authority.new("SIMULATED TEST authority", AT)
    key = serialization.load_der_public_key(public)
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(authority.issued.certificate.subject)
        .public_key(key)  # type: ignore[arg-type]
        .serial_number(7)
        .not_valid_before(AT)
        .not_valid_after(AT.replace(year=2030))
        .sign(authority.issued.key, hashes.SHA256())
    )
    (folder / "leaf.pem").write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    (folder / "ca.pem").write_bytes(authority.cert_pem)
    return folder / "leaf.pem", folder / "ca.pem"


# keys made in their place


def test_a_key_made_in_a_token_never_leaves_it_and_asks_for_its_certificate(tmp_path: Path) -> None:
    module = softhsm.token("made")
    uri = f"pkcs11:token=made;object=signing;id=%01?module-path={module}&pin-value={softhsm.PIN}"
    key = create_key(uri)
    verify(key.public, key.sign(b"data"), b"data")
    assert code(uri, create_key) == "signer.key_exists"
    assert load_key(uri).public == key.public

    import pkcs11

    session = pkcs11.lib(str(module)).get_token(token_label="made").open()
    private = next(iter(session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY})))
    assert (private[pkcs11.Attribute.EXTRACTABLE], private[pkcs11.Attribute.SENSITIVE]) == (False, True)
    with pytest.raises(pkcs11.exceptions.PKCS11Error):
        private[pkcs11.Attribute.VALUE]

    assert code(uri) == "signer.certificate_missing"
    leaf, authority = certificate_for(key.public, tmp_path)
    with_files = f"{uri}&cert={leaf}&chain={authority}"
    assert load_signer(with_files).certificate == keypair.read_certificates(leaf)[0].public_bytes(keypair.DER)
    assert certificate_path(with_files) == leaf
    assert code(uri, certificate_path) == "signer.uri"

    rw = pkcs11.lib(str(module)).get_token(token_label="made").open(rw=True)
    der = keypair.read_certificates(leaf)[0].public_bytes(keypair.DER)
    rw.create_object(
        {
            pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE,
            pkcs11.Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
            pkcs11.Attribute.TOKEN: True,
            pkcs11.Attribute.LABEL: "signing",
            pkcs11.Attribute.ID: b"\x01",
            pkcs11.Attribute.SUBJECT: b"",
            pkcs11.Attribute.VALUE: der,
        }
    )
    assert load_signer(uri).certificate == der  # the token's own


def test_a_lost_session_is_opened_once_more() -> None:
    module = softhsm.token("lost")
    uri = f"pkcs11:token=lost;object=k?module-path={module}&pin-value={softhsm.PIN}"
    key = create_key(uri)
    key.session.close()  # type: ignore[attr-defined]
    verify(load_key(uri).public, key.sign(b"again"), b"again")


def test_what_is_wrong_with_a_token_is_named(tmp_path: Path) -> None:
    module = softhsm.token("wrong")
    base = f"module-path={module}"
    good = f"pkcs11:token=wrong;object=k?{base}"
    assert code(f"{good}&pin-value=0000") == "signer.pin"
    assert code(f"pkcs11:token=absent;object=k?{base}&pin-value=1234") == "signer.token_missing"
    assert code(f"pkcs11:token=wrong;object=none?{base}&pin-value=1234") == "signer.key_missing"
    assert code(f"pkcs11:token=wrong;manufacturer=Nobody;object=k?{base}") == "signer.token_missing"
    assert code("pkcs11:token=wrong;object=k?module-path=/none.so") == "signer.module"
    (tmp_path / "pin").write_text("1234\n")
    (tmp_path / "pin").chmod(0o644)
    assert code(f"{good}&pin-source=file:{tmp_path}/pin") == "signer.key_too_open"
    (tmp_path / "pin").chmod(0o600)
    assert code(f"{good}&pin-source={tmp_path}/pin") == "signer.key_missing"  # the PIN was right
    assert code(f"{good}&pin-value=1234", load_key) == "signer.key_missing"


def test_two_keys_of_one_name_are_ambiguous_and_other_curves_refused(tmp_path: Path) -> None:
    for number in ("01", "02"):
        pem = tmp_path / f"{number}.pem"
        pem.write_bytes(keypair.fresh_pem())
        module = softhsm.import_key("twins", pem, "same", number)
    base = f"module-path={module}&pin-value={softhsm.PIN}"
    assert code(f"pkcs11:token=twins;object=same?{base}", load_key) == "signer.ambiguous"
    assert load_key(f"pkcs11:token=twins;object=same;id=%02?{base}").sign(b"x")
    other = ec.generate_private_key(ec.SECP384R1())
    (tmp_path / "p384.pem").write_bytes(
        other.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    softhsm.import_key("twins", tmp_path / "p384.pem", "large", "03")
    assert code(f"pkcs11:token=twins;object=large?{base}", load_key) == "signer.key_type"


@pytest.mark.parametrize("purpose", ["signing", "client"])
def test_a_request_is_signed_by_its_key_and_names_its_purpose(tmp_path: Path, purpose: str) -> None:
    key = create_key(f"file:{tmp_path}/key.pem?cert={tmp_path}/cert.pem")
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    asked = x509.load_der_x509_csr(keypair.request(key, "SIMULATED ST-1", purpose))
    assert asked.is_signature_valid
    uses = asked.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    client = x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH
    assert (client in uses) == (purpose == "client")
    assert csr.CertificationRequest.load(keypair.request(key, "x", purpose))
    assert code(f"file:{tmp_path}/key.pem?cert={tmp_path}/cert.pem", create_key) == "signer.key_exists"
    assert code(f"file:{tmp_path}/none/key.pem?cert=/c", create_key) == "signer.key_unreadable"


# credentials of systemd


def test_a_credential_of_the_service_is_read_from_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = keypair.fresh_pem()
    (tmp_path / "signing.key").write_bytes(pem)
    (tmp_path / "signing.key").chmod(0o440)  # as systemd shows it
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    key = load_key("systemd-creds:signing.key?cert=/c.pem")
    assert key.public == keypair.from_pem(pem, "x").public
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert code("systemd-creds:signing.key?cert=/c.pem", load_key) == "signer.key_missing"
    assert code("systemd-creds:signing.key?cert=/c.pem", create_key) == "signer.uri"


def real_systemd_creds(tmp_path: Path) -> None:
    try:
        done = subprocess.run(
            ["systemd-creds", "encrypt", "--name=x", "-", "-"], input=b"x", capture_output=True, check=False
        )
    except OSError:
        pytest.skip("systemd-creds is not installed (Debian: systemd)")
    if done.returncode:
        pytest.skip("systemd-creds cannot encrypt here; run on a machine with a host key")


def test_a_key_made_by_systemd_creds_is_only_on_disk_encrypted(tmp_path: Path) -> None:
    real_systemd_creds(tmp_path)
    uri = f"systemd-creds:{tmp_path}/key.cred?name=signing&cert={tmp_path}/c.pem"
    key = create_key(uri)
    assert b"PRIVATE KEY" not in read_secret(tmp_path / "key.cred", SignerError, "signer")
    assert load_key(uri).public == key.public
    assert code(uri, create_key) == "signer.key_exists"
    assert code(uri.replace("name=signing", "name=other"), load_key) == "signer.credential"
    (tmp_path / "key.cred").write_bytes(b"junk")
    assert code(uri, load_key) == "signer.credential"
    assert certificate_path(uri) == tmp_path / "c.pem"


def test_a_machine_without_systemd_creds_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    uri = f"systemd-creds:{tmp_path}/key.cred?name=s&cert=/c"
    assert code(uri, load_key) == "signer.library_missing"

    def never_ends(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("systemd-creds", 1)

    monkeypatch.setattr(systemd_creds.subprocess, "run", never_ends)
    assert code(uri, load_key) == "signer.credential"


# URIs


@given(TEXT, PATHS, PATHS, st.sampled_from(["a", "key-1.pem"]))
def test_a_credential_uri_says_the_same_again(text: str, path: Path, cert: Path, name: str) -> None:
    uri = f"systemd-creds:{quote(str(path))}?name={name}&cert={quote(str(cert))}&chain={quote(text, safe='')}"
    if str(path).startswith("//"):
        return
    assert systemd_creds.parse(uri) == (str(path), {"name": name, "cert": str(cert), "chain": text})


@pytest.mark.parametrize(
    "uri",
    [
        "systemd-creds:",
        "systemd-creds:name",
        "systemd-creds:../name?cert=/c",
        "systemd-creds:a/b?cert=/c",
        "systemd-creds:name?cert=/c&name=x",
        "systemd-creds:/p?cert=/c",
        "systemd-creds:/p?name=-x&cert=/c",
        "systemd-creds:/p?name=x&cert=/c&cert=/d",
        "systemd-creds:/p?name=x&cert=/c&what=1",
        "systemd-creds://host/p?name=x&cert=/c",
        "systemd-creds:/p%00?name=x&cert=/c",
        "systemd-creds:/p?name=x&cert=/c#f",
        "systemd-creds://[/p?name=x&cert=/c",
    ],
)
def test_a_credential_uri_that_is_none_is_refused(uri: str) -> None:
    assert code(uri, systemd_creds.parse) == "signer.uri"


URIS = st.builds(
    Pkcs11Uri,
    token=st.none() | TEXT,
    manufacturer=st.none() | TEXT,
    model=st.none() | TEXT,
    serial=st.none() | TEXT,
    object=TEXT,
    id=st.binary(max_size=8),
    module_path=PATHS.map(str),
    pin_source=st.none() | PATHS,
    cert=st.none() | PATHS,
    chain=st.none() | PATHS,
)


@given(URIS)
def test_a_pkcs11_uri_is_read_as_it_was_written(uri: Pkcs11Uri) -> None:
    assert parse(uri.to_text()) == uri


@given(st.text(max_size=60) | st.from_regex(r"pkcs11:[a-z;=%?&/0-9]{0,40}", fullmatch=True))
def test_other_text_is_refused_or_read_the_same_way_again(text: str) -> None:
    try:
        read = parse(text)
    except SignerError:
        read = parse("pkcs11:object=k?module-path=/m")
    assert parse(read.to_text()) == read


@pytest.mark.parametrize(
    "rest",
    [
        "object=k",
        "?module-path=/m",
        "object=k?module-path=m.so",
        "object=k;object=l?module-path=/m",
        "object=k;type=public?module-path=/m",
        "object=k;slot-id=1?module-path=/m",
        "object=k?module-path=/m&pin-source=|cat%20/pin",
        "object=k?module-path=/m&pin-source=/p&pin-value=1",
        "object=%ff?module-path=/m",
        "object=a%00b?module-path=/m",
        "object=a b?module-path=/m",
        "object?module-path=/m",
    ],
)
def test_a_pkcs11_uri_that_might_mean_another_key_is_refused(rest: str) -> None:
    with pytest.raises(SignerError) as error:
        pkcs11_uri.parse(f"pkcs11:{rest}")
    assert error.value.code == "signer.uri"


def test_a_refused_uri_does_not_show_its_pin() -> None:
    with pytest.raises(SignerError) as error:
        pkcs11_uri.parse("pkcs11:object=k?module-path=m&pin-value=secret99")
    assert "secret99" not in str(error.value)
