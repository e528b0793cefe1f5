"""A signing key in a PEM file: `file:/path/key.pem?cert=/path/cert.pem&chain=/path/ca.pem`. For development
and tests."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from offline_queue import keypair
from offline_queue.errors import SignerError
from offline_queue.keyfile import read_secret


def open_signer(uri: str) -> keypair.KeySigner:
    """URI to signer. SignerError: `signer.uri`, `.key_*`, `.certificate_missing`,
    `.certificate_other_key`."""
    _, options = _parse(uri)
    return keypair.signer(open_key(uri), options)


def open_key(uri: str) -> keypair.MemoryKey:
    """The key alone, for a certificate request. SignerError `signer.key_*`."""
    path, _ = _parse(uri)
    return keypair.from_pem(read_secret(path, SignerError, "signer"), str(path))


def create_key(uri: str) -> keypair.MemoryKey:
    """A new key in a new file. SignerError `signer.key_exists` when there is one."""
    path, _ = _parse(uri)
    if path.exists():
        raise SignerError("signer.key_exists", f"{path} is there already", "a key is never overwritten")
    try:
        keypair.write(path, keypair.fresh_pem(), 0o600)
    except OSError as error:
        raise SignerError(
            "signer.key_unreadable", f"{path}: {error.strerror}", "check the folder's owner and mode"
        ) from error
    return open_key(uri)


def certificate_path(uri: str) -> Path:
    """Where the certificate lies."""
    return Path(_parse(uri)[1]["cert"])


def _parse(uri: str) -> tuple[Path, dict[str, str]]:
    parts = urlsplit(uri)
    options = parse_qs(parts.query, keep_blank_values=True)
    if set(options) - {"cert", "chain"} or "cert" not in options or not parts.path or parts.netloc:
        raise SignerError(
            "signer.uri",
            f"{uri!r} is not a file key URI",
            "write file:/path/key.pem?cert=/path/cert.pem&chain=/path/ca.pem",
        )
    return Path(unquote(parts.path)), {name: values[0] for name, values in options.items()}
