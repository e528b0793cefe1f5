"""PKCS #11 URIs (RFC 7512), as far as a signing key needs them.

In: `pkcs11:token=…;object=…;id=%01?module-path=/…&pin-source=file:/…`, with our own `cert=` and `chain=` (PEM files)
among the query attributes. Out: Pkcs11Uri. An attribute that is unknown or comes twice is refused: guessing a key is
worse than having none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from offline_queue.errors import SignerError

PATH = ("token", "manufacturer", "model", "serial", "object", "id", "type")
QUERY = ("module-path", "pin-source", "pin-value", "cert", "chain")
# RFC 7512 section 2.3: pk11-pchar, then also / ? | in the query part
PATH_TEXT = re.compile(r"(?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=&]|%[0-9A-Fa-f]{2})*")
QUERY_TEXT = re.compile(r"(?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=/?|]|%[0-9A-Fa-f]{2})*")
FORM = "write pkcs11:token=NAME;object=LABEL?module-path=/path/module.so&pin-source=file:/path&cert=/path/cert.pem"


@dataclass(frozen=True)
class Pkcs11Uri:
    """Text attributes are None when absent; id is bytes (empty when absent). pin_source: an absolute path."""

    token: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    serial: str | None = None
    object: str | None = None
    id: bytes = b""
    module_path: str = ""
    pin_source: Path | None = None
    pin_value: str | None = None
    cert: Path | None = None
    chain: Path | None = None

    def to_text(self) -> str:
        """The URI again, in one order, everything unusual escaped."""
        first: list[str] = []
        for name in ("token", "manufacturer", "model", "serial", "object"):
            value = getattr(self, name)
            if value is not None:
                first.append(f"{name}={quote(value, safe='')}")
        if self.id:
            first.append("id=" + "".join(f"%{byte:02X}" for byte in self.id))
        second = [f"module-path={quote(self.module_path)}"]
        for name in ("pin-source", "pin-value", "cert", "chain"):
            value = getattr(self, name.replace("-", "_"))
            if value is not None:
                second.append(f"{name}={quote(str(value))}")
        return f"pkcs11:{';'.join(first)}?{'&'.join(second)}"


def parse(uri: str) -> Pkcs11Uri:
    """SignerError `signer.uri` for anything that is not such a URI or does not name a module and a key."""
    scheme, _, rest = uri.partition(":")
    path, _, query = rest.partition("?")
    if scheme != "pkcs11":
        raise _refuse("not a pkcs11: URI")
    first = _attributes(path, ";", PATH, PATH_TEXT)
    second = _attributes(query, "&", QUERY, QUERY_TEXT)
    if _text(first, "type") not in (None, "private"):
        raise _refuse("type= is not private")
    module = _text(second, "module-path") or ""
    if not module.startswith("/"):
        raise _refuse("module-path= must be an absolute path")
    if not first.get("object") and not first.get("id"):
        raise _refuse("it names no key: object= or id= is needed")
    if "pin-source" in second and "pin-value" in second:
        raise _refuse("pin-source= and pin-value= exclude each other")
    return Pkcs11Uri(
        token=_text(first, "token"),
        manufacturer=_text(first, "manufacturer"),
        model=_text(first, "model"),
        serial=_text(first, "serial"),
        object=_text(first, "object"),
        id=first.get("id", b""),
        module_path=module,
        pin_source=_path((_text(second, "pin-source") or "").removeprefix("file:"), "pin-source"),
        pin_value=_text(second, "pin-value"),
        cert=_path(_text(second, "cert") or "", "cert"),
        chain=_path(_text(second, "chain") or "", "chain"),
    )


def _attributes(text: str, between: str, known: tuple[str, ...], shape: re.Pattern[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for part in text.split(between) if text else []:
        name, equals, value = part.partition("=")
        if name not in known or not equals or not shape.fullmatch(value):
            raise _refuse(f"{part!r} is no attribute of a key")
        if name in found:
            raise _refuse(f"{name}= comes twice")
        found[name] = unquote_to_bytes(value)
        if b"\0" in found[name] and name != "id":
            raise _refuse(f"{name}= holds a zero byte")
    return found


def _text(found: dict[str, bytes], name: str) -> str | None:
    try:
        return found[name].decode() if name in found else None
    except UnicodeDecodeError:
        raise _refuse(f"{name}= is not UTF-8") from None


def _path(text: str, name: str) -> Path | None:
    if not text:
        return None
    if not text.startswith("/"):
        raise _refuse(f"{name}= must be an absolute path (a command is not run)")
    return Path(text)


def _refuse(reason: str) -> SignerError:
    """The URI itself is not shown: it may hold a PIN."""
    return SignerError("signer.uri", f"this PKCS #11 URI is refused: {reason}", FORM)
