"""Sealing to a gateway's public key: only its private key opens, and only at the same place."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from offline_queue import sealed
from offline_queue.errors import VaultError
from offline_queue.outward import Opener, Openers, Recipient, submission_aad
from offline_queue.vault import Vault
from station.sim.pki import Authority, PkiPaths

KEY, OTHER = (ec.derive_private_key(n, ec.SECP256R1()) for n in (7, 11))
TO = Recipient(KEY.public_key())
PEM, SPKI = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
NOW = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def code_of(error: pytest.ExceptionInfo[VaultError]) -> str:
    assert error.value.advice
    return error.value.code


@given(st.binary(max_size=2000), st.text(max_size=20))
def test_what_is_sealed_to_a_key_that_key_opens_and_its_size_shows(plain: bytes, name: str) -> None:
    made = TO.seal(plain, submission_aad(name))
    assert Openers(Opener(OTHER), Opener(KEY)).submission(made, name) == plain
    assert sealed.fits(made, len(plain))
    assert not sealed.fits(made, len(plain) + 1)
    assert sealed.parse(made).key_id == TO.key_id


@given(st.integers(0, len(TO.seal(b"the ridges", b"x")) - 1), st.integers(1, 255))
def test_every_changed_byte_is_noticed(at: int, change: int) -> None:
    made = bytearray(TO.seal(b"the ridges", submission_aad("s-1")))
    made[at] ^= change
    with pytest.raises(VaultError) as error:
        Openers(Opener(KEY)).submission(bytes(made), "s-1")
    assert code_of(error) in ("vault.damaged", "vault.other_key", "vault.not_sealed", "vault.erased")


@given(st.binary(max_size=300))
def test_hostile_bytes_are_refused_with_a_code(raw: bytes) -> None:
    for bytes_ in (raw, TO.seal(b"", b"")[:77] + raw):
        with pytest.raises(VaultError) as error:
            Openers(Opener(KEY)).submission(bytes_, "s-1")
        assert code_of(error).startswith("vault.")


def test_it_can_be_opened_from_the_page_of_the_protocol_alone() -> None:
    """docs/gateway-protocol.md, "A sealed transaction", step by step, with nothing of ours."""
    made, place = TO.seal(b"the ridges", submission_aad("s-1")), b"submission:s-1"
    head, nonce, wrapped = made[:77], made[77:89], made[89:137]
    ephemeral = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), head[12:])
    uncompressed = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    info = b"livescan LSV2 wrap" + head + KEY.public_key().public_bytes(*uncompressed)
    wrapping = HKDF(hashes.SHA256(), 32, None, info).derive(KEY.exchange(ec.ECDH(), ephemeral))
    data_key = AESGCM(wrapping).decrypt(nonce, wrapped, head + place)
    assert AESGCM(data_key).decrypt(made[137:149], made[149:], b"LSV2" + place) == b"the ridges"
    assert head[:4] == b"LSV2"
    der = KEY.public_key().public_bytes(serialization.Encoding.DER, SPKI)
    assert head[4:12] == hashlib.sha256(der).digest()[:8]


def test_it_opens_for_nobody_else_and_at_no_other_place() -> None:
    made = TO.seal(b"the ridges", submission_aad("s-1"))
    for opener, name, code in (
        (Openers(Opener(OTHER)), "s-1", "vault.other_key"),
        (Openers(), "s-1", "vault.other_key"),
        (Openers(Opener(KEY)), "s-2", "vault.damaged"),
    ):
        with pytest.raises(VaultError) as error:
            opener.submission(made, name)
        assert code_of(error) == code
    with pytest.raises(VaultError) as error:
        Opener(KEY).open(Vault(bytes(32)).seal(b"x", b"y"), b"y")
    assert code_of(error) == "vault.other_key"
    with pytest.raises(VaultError) as error:
        Vault(bytes(32), recipient=TO).open(made, submission_aad("s-1"))
    assert code_of(error) == "vault.for_gateway"


def test_a_recipient_is_a_p_256_key_or_its_certificate_for_key_agreement(
    tmp_path: Path, pki: PkiPaths
) -> None:
    path = tmp_path / "to.pem"
    path.write_bytes(KEY.public_key().public_bytes(PEM, SPKI))
    assert Recipient.load(path).key_id == TO.key_id
    assert Recipient.load(pki.gateway_sealing_cert).key_id == Opener.load(pki.gateway_sealing_key).key_id
    authority = Authority.new("SIMULATED TEST", NOW)
    for unfit in (
        b"",
        b"-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n",
        rsa.generate_private_key(65537, 2048).public_key().public_bytes(PEM, SPKI),
        ec.generate_private_key(ec.SECP384R1()).public_key().public_bytes(PEM, SPKI),
        authority.issue("signing", "signing", NOW - DAY, NOW + DAY).cert_pem,
    ):
        path.write_bytes(unfit)
        with pytest.raises(VaultError) as error:
            Vault.load(pki.station_vault_key, path)
        assert code_of(error) == "vault.recipient"
    with pytest.raises(VaultError) as error:
        Vault.load(pki.station_vault_key, tmp_path / "none.pem")
    assert code_of(error) == "vault.recipient"


def test_the_private_key_is_a_file_that_nobody_else_can_read(tmp_path: Path, pki: PkiPaths) -> None:
    path = tmp_path / "site.key"
    path.write_bytes(pki.gateway_sealing_key.read_bytes())
    path.chmod(0o644)
    with pytest.raises(VaultError) as error:
        Openers.load([path])
    assert code_of(error) == "vault.key_too_open"
    path.chmod(0o600)
    for unfit in (
        b"no key",
        ec.generate_private_key(ec.SECP384R1()).private_bytes(
            PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    ):
        path.write_bytes(unfit)
        with pytest.raises(VaultError) as error:
            Openers.load([path])
        assert code_of(error) == "vault.recipient"
