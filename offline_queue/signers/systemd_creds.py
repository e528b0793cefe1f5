"""A signing key in a systemd credential; the PEM text is only ever in memory.

`systemd-creds:NAME?cert=…&chain=…` reads $CREDENTIALS_DIRECTORY/NAME, which systemd decrypted for this service
(LoadCredentialEncrypted=). `systemd-creds:/path/key.cred?name=NAME&cert=…&chain=…` asks `systemd-creds decrypt`, which
needs root. Encrypted with --with-key=host the key is only as safe as the disk; host+tpm2 binds it to the machine.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from offline_queue import keypair
from offline_queue.errors import SignerError
from offline_queue.keyfile import read_secret

PROGRAM = "systemd-creds"
TIMEOUT_S = 60.0
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
FORM = "write systemd-creds:NAME?cert=/path/cert.pem, or systemd-creds:/path/key.cred?name=NAME&cert=…"


def open_signer(uri: str) -> keypair.KeySigner:
    """SignerError: `signer.uri`, `.key_*`, `.credential`, `.certificate_*`."""
    _, options = parse(uri)
    return keypair.signer(open_key(uri), options)


def open_key(uri: str) -> keypair.MemoryKey:
    """The key alone, for a certificate request."""
    place, options = parse(uri)
    if place.startswith("/"):
        return keypair.from_pem(_run("decrypt", options["name"], place, "-"), place)
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise SignerError(
            "signer.key_missing",
            f"no credential {place}: this is no service with credentials",
            "add LoadCredentialEncrypted= to the unit, or name the encrypted file",
        )
    return keypair.from_pem(read_secret(Path(folder) / place, SignerError, "signer"), place)


def create_key(uri: str) -> keypair.MemoryKey:
    """A new key, encrypted into a new credential file (with the TPM too, where there is one). SignerError
    `signer.key_exists`, `.credential`, `.uri` when the URI names no file."""
    place, options = parse(uri)
    if not place.startswith("/"):
        raise SignerError("signer.uri", f"{uri!r} names no credential file to write", FORM)
    if Path(place).exists():
        raise SignerError("signer.key_exists", f"{place} is there already", "a key is never overwritten")
    pem = keypair.fresh_pem()
    keypair.write(Path(place), _run("encrypt", options["name"], "-", "-", pem), 0o600)
    return open_key(uri)


def certificate_path(uri: str) -> Path:
    """Where the certificate lies."""
    return Path(parse(uri)[1]["cert"])


def parse(uri: str) -> tuple[str, dict[str, str]]:
    """Name or absolute path, and the options. SignerError `signer.uri`."""
    try:
        parts = urlsplit(uri)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        place, options = unquote(parts.path, errors="strict"), dict(pairs)
    except ValueError:
        raise SignerError("signer.uri", f"{uri!r} cannot be read", FORM) from None
    wanted = {"cert", "chain", "name"} if place.startswith("/") else {"cert", "chain"}
    needed = wanted - {"chain"}
    fit = NAME.fullmatch(options.get("name", "x") if place.startswith("/") else place)
    odd = len(pairs) != len(options) or set(options) - wanted or needed - set(options) or "\0" in unquote(uri)
    if parts.scheme != "systemd-creds" or parts.netloc or parts.fragment or odd or not fit:
        raise SignerError("signer.uri", f"{uri!r} is not a credential URI", FORM)
    return place, options


def _run(action: str, name: str, source: str, target: str, data: bytes = b"") -> bytes:
    command = [PROGRAM, action, f"--name={name}", source, target]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=TIMEOUT_S, check=False)
    except FileNotFoundError as error:
        raise SignerError(
            "signer.library_missing", f"{PROGRAM} is not installed", "install systemd 250 or later"
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SignerError("signer.credential", f"{PROGRAM} {action}: {error}", "try it by hand") from error
    if done.returncode != 0:
        reason = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise SignerError(
            "signer.credential",
            f"{PROGRAM} {action} {source}: {reason}",
            "is it this machine's credential, of this name, and are we root?",
        )
    return done.stdout
