"""A signing key in a PKCS #11 token (SoftHSM 2, a TPM 2 through tpm2-pkcs11, a smart card): it never leaves there.

`pkcs11:token=…;object=…;id=%01?module-path=/…/module.so&pin-source=file:/…&cert=/…&chain=/…` (pkcs11_uri.py). Without
cert= the token's own certificate of the same id or label is used. Needs the extra `hsm` (python-pkcs11).
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pkcs11
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import PKCS11Error
from pkcs11.util.ec import encode_ec_public_key, encode_named_curve_parameters

from offline_queue import keypair
from offline_queue.errors import SignerError
from offline_queue.keyfile import read_secret
from offline_queue.pkcs11_uri import Pkcs11Uri, parse

CURVE = encode_named_curve_parameters("secp256r1")
HALF = 32
CODES = {
    "PinIncorrect": ("signer.pin", "the PIN is wrong", "correct it before the token locks"),
    "PinInvalid": ("signer.pin", "the PIN is wrong", "correct it before the token locks"),
    "PinLenRange": ("signer.pin", "the PIN is wrong", "correct it before the token locks"),
    "PinLocked": ("signer.pin_locked", "the token is locked", "unlock it with its security officer's PIN"),
    "NoSuchToken": ("signer.token_missing", "the token is not there", "plug it in, or correct token="),
    "NoSuchKey": ("signer.key_missing", "the token has no such private key", "correct object= and id="),
    "MultipleTokensReturned": ("signer.ambiguous", "several tokens fit", "name one: serial="),
    "MultipleObjectsReturned": ("signer.ambiguous", "several keys fit", "name one: id="),
}


class TokenKey:
    """One private key. A session that was lost (token pulled, service restarted) is opened once more."""

    def __init__(self, uri: Pkcs11Uri) -> None:
        self._uri = uri
        self._lock = threading.Lock()
        self._open()

    def _open(self) -> None:
        with _translated():
            self._session = _session(self._uri, writing=False)
            self._key = _one(self._session, self._uri, ObjectClass.PRIVATE_KEY)
            if self._key.key_type != KeyType.EC or self._key[Attribute.EC_PARAMS] != CURVE:
                raise SignerError("signer.key_type", "not a P-256 key", "make a P-256 key in the token")

    @property
    def session(self) -> Any:
        return self._session

    @property
    def public(self) -> bytes:
        with self._lock, _translated():
            public = _one(self._session, self._uri, ObjectClass.PUBLIC_KEY)
            return bytes(encode_ec_public_key(public))

    def sign(self, data: bytes) -> bytes:
        digest = hashlib.sha256(data).digest()
        with self._lock, _translated():
            try:
                raw = self._key.sign(digest, mechanism=Mechanism.ECDSA)
            except PKCS11Error:
                self._open()
                raw = self._key.sign(digest, mechanism=Mechanism.ECDSA)
        return encode_dss_signature(int.from_bytes(raw[:HALF], "big"), int.from_bytes(raw[HALF:], "big"))


def open_signer(uri: str) -> keypair.KeySigner:
    """SignerError: `signer.uri`, `.module`, `.token_missing`, `.pin`, `.pin_locked`, `.key_missing`, `.ambiguous`,
    `.key_type`, `.token`, `.certificate_missing`, `.certificate_other_key`."""
    parsed = parse(uri)
    key = TokenKey(parsed)
    if parsed.cert is not None:
        paths = {"cert": parsed.cert, "chain": parsed.chain}
        signer = keypair.signer(key, {name: str(path) for name, path in paths.items() if path})
    else:
        chain = keypair.read_certificates(parsed.chain) if parsed.chain else ()
        with _translated("signer.certificate_missing"):
            leaf = bytes(_one(key.session, parsed, ObjectClass.CERTIFICATE)[Attribute.VALUE])
        signer = keypair.with_certificate(key, leaf, [each.public_bytes(keypair.DER) for each in chain])
    return signer


def open_key(uri: str) -> TokenKey:
    """The key alone, for a certificate request."""
    return TokenKey(parse(uri))


def create_key(uri: str) -> TokenKey:
    """A new P-256 key pair made inside the token, not extractable. SignerError `signer.key_exists`."""
    parsed = parse(uri)
    with _translated(), _closing(_session(parsed, writing=True)) as session:
        if list(session.get_objects(_template(parsed, ObjectClass.PRIVATE_KEY))):
            raise SignerError("signer.key_exists", "the token has this key already", "name another one")
        names = {Attribute.TOKEN: True}
        private = {Attribute.EXTRACTABLE: False, Attribute.SENSITIVE: True, Attribute.SIGN: True}
        session.create_domain_parameters(
            KeyType.EC, {Attribute.EC_PARAMS: CURVE}, local=True
        ).generate_keypair(
            store=True,
            id=parsed.id or None,
            label=parsed.object,
            public_template=names,
            private_template=names | private,
        )
    return TokenKey(parsed)


def certificate_path(uri: str) -> Path:
    """Where the certificate lies. SignerError `signer.uri` when the URI names no file for it."""
    path = parse(uri).cert
    if path is None:
        raise SignerError("signer.uri", "the URI has no cert=", "add cert=/path/cert.pem")
    return path


@contextmanager
def _closing(session: Any) -> Iterator[Any]:
    try:
        yield session
    finally:
        session.close()


def _session(uri: Pkcs11Uri, *, writing: bool) -> Any:
    try:
        library = pkcs11.lib(uri.module_path)
    except (RuntimeError, OSError, PKCS11Error) as error:
        raise SignerError(
            "signer.module", f"{uri.module_path}: {str(error) or type(error).__name__}", "install the module"
        ) from error
    wanted = {"token_label": uri.token, "token_serial": uri.serial.encode() if uri.serial else None}
    found = library.get_token(**{name: value for name, value in wanted.items() if value is not None})
    for name, field in (("manufacturer", "manufacturer_id"), ("model", "model")):
        asked = getattr(uri, name)
        if asked is not None and asked != getattr(found, field, asked):
            raise pkcs11.exceptions.NoSuchToken
    pin = _pin(uri)
    try:
        return found.open(user_pin=pin, rw=writing)
    except pkcs11.exceptions.UserAlreadyLoggedIn:  # this process has a session with the token already
        return found.open(rw=writing)


def _pin(uri: Pkcs11Uri) -> str | None:
    if uri.pin_source is None:
        return uri.pin_value
    return read_secret(uri.pin_source, SignerError, "signer").decode(errors="replace").rstrip("\r\n")


def _template(uri: Pkcs11Uri, kind: ObjectClass) -> dict[Attribute, Any]:
    template: dict[Attribute, Any] = {Attribute.CLASS: kind}
    if uri.object:
        template[Attribute.LABEL] = uri.object
    if uri.id:
        template[Attribute.ID] = uri.id
    return template


def _one(session: Any, uri: Pkcs11Uri, kind: ObjectClass) -> Any:
    found = list(session.get_objects(_template(uri, kind)))
    if not found:
        raise pkcs11.exceptions.NoSuchKey
    if len(found) > 1:
        raise pkcs11.exceptions.MultipleObjectsReturned
    return found[0]


@contextmanager
def _translated(missing: str = "") -> Iterator[None]:
    """The library's errors as ours; `missing`: the code when an object is not in the token."""
    try:
        yield
    except PKCS11Error as error:
        name = type(error).__name__
        code, message, advice = CODES.get(
            name, ("signer.token", f"the token failed: {name}", "plug it in again, then look at its module")
        )
        if missing and name == "NoSuchKey":
            code, message, advice = missing, "the token has no such certificate", "add cert= to the URI"
        raise SignerError(code, message, advice) from error
