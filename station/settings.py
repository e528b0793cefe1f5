"""station.toml in, frozen Settings out. An unknown key, a wrong type or a missing file refuses the start.

Every error is a SettingsError that names file and line. Durations are seconds (`_s`), sizes are MiB (`_mib`).
Relative paths are relative to the folder of the settings file; `${CREDENTIALS_DIRECTORY}`, alone among all
variables, is replaced in any value: it is where systemd puts the keys that LoadCredential= names.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from offline_queue.trust import TimeSource
from offline_queue.trust import system as system_clock
from offline_queue.vault import Vault
from station.errors import SettingsError

CREDENTIALS = "${CREDENTIALS_DIRECTORY}"

Seconds = Annotated[float, Meta(gt=0, le=86400)]
Port = Annotated[int, Meta(ge=0, le=65535)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Ori = Annotated[str, Meta(pattern=r"^[A-Z0-9]{9}$")]
Loopback = Literal["127.0.0.1", "::1", "localhost"]


class _Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every section: immutable, unknown keys refused."""


class StationSection(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who this station is. dai: the nine characters of the agency that receives (EBTS 1.007)."""

    id: Annotated[str, Meta(pattern=r"^[A-Z0-9-]{3,20}$")]
    ori: Ori
    dai: Ori
    agency: str


class ReaderSection(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which reader the capture service serves, and the socket it answers on."""

    driver: str
    profile: str
    address: str
    socket: Path
    options: dict[str, str] = {}


class WebSection(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The kiosk pages. Loopback only: another address is refused."""

    host: Loopback = "127.0.0.1"
    port: Port = 8443
    session_idle_s: Seconds = 1800.0


class BookingSection(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Drafts and impressions. quality_threshold: 0 to 100 on our own score; max_attempts: then accept-best;
    officer_templates: a folder of templates of fingers that must not be in a set (docs/sequence.md)."""

    database: Path
    quality_threshold: Percent = 40
    max_attempts: Annotated[int, Meta(ge=1, le=10)] = 3
    officer_templates: Path | None = None


class QueueSection(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The offline queue and the key that seals it. reserve_mib: free disk below which new work is refused; ballast_mib:
    disk held beside the queue and given up when the disk is full, so that what waits still leaves; 0: none. seal_to:
    the gateway's sealing certificate: submissions are sealed to it, and this station cannot open them again.
    keep_days: so long after the gateway took custody the bytes of a submission are kept, then erased; None: always."""

    database: Path
    station_key: Path
    seal_to: Path | None = None
    reserve_mib: Annotated[int, Meta(ge=1)] = 64
    ballast_mib: Annotated[int, Meta(ge=0, le=1024)] = 32
    keep_days: Annotated[int, Meta(ge=1, le=36500)] | None = None

    def vault(self) -> Vault:
        """For whoever seals submissions. VaultError when the station's key, or the gateway's, is unfit."""
        return Vault.load(self.station_key, self.seal_to)


class SigningSection(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """uri: `file:/path/key.pem?cert=/path/cert.pem&chain=/path/ca.pem`, or another signer's scheme."""

    uri: str


class GatewaySection(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where submissions go. kind: a simulated reader may never feed a production gateway; retry_cap_s: the longest
    pause between two tries while the gateway is away; refusals: so many definite ones put an entry into quarantine;
    options: what only this kind of address needs (docs/queue-network.md)."""

    kind: Literal["simulated", "production"]
    url: Annotated[str, Meta(pattern=r"^(https|smtps?)://")]
    ca: Path
    client_cert: Path
    client_key: Path
    receipt_ca: Path
    total_deadline_s: Seconds = 120.0
    poll_s: Seconds = 30.0
    retry_cap_s: Seconds = 60.0
    refusals: Annotated[int, Meta(ge=1, le=100)] = 1
    options: dict[str, str] = {}


class EnrolmentSection(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where new certificates come from (EST): server, the authority of its TLS certificate, and the authority that ours
    must be under. With it, certificates are renewed by themselves (docs/queue-keys.md)."""

    server: Annotated[str, Meta(pattern=r"^https://")]
    ca: Path
    under: Path


class RevocationSection(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Lists of revoked certificates (docs/queue-keys.md). urls: where sync fetches them; folder: where they are kept,
    usually `crl` beside the queue, and where files may be put by hand; authorities: PEM files of authorities of our own
    certificates, beside the chain of [signing] and `under` of [enrolment]; max_age_h: a list older than this is too
    old, whatever end it names; required: nothing is sent while one is missing or too old."""

    urls: tuple[Annotated[str, Meta(pattern=r"^https?://[!-~]+$")], ...] = ()
    folder: Path | None = None
    authorities: tuple[Path, ...] = ()
    max_age_h: Annotated[float, Meta(gt=0, le=8784)] = 168.0
    required: bool = False


class ClockSection(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who vouches for the wall clock: the `system` (synchronised, else an officer is asked), or whoever set the station
    up (`confirmed`: simulations). None: `system` on a production gateway, else `confirmed`."""

    trust: Literal["system", "confirmed"] | None = None


class AccessSection(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """officers: the file of officers, roles and PIN hashes."""

    officers: Path


class Settings(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole station.toml."""

    station: StationSection
    reader: ReaderSection
    booking: BookingSection
    queue: QueueSection
    signing: SigningSection
    gateway: GatewaySection
    access: AccessSection
    web: WebSection = WebSection()
    clock: ClockSection = ClockSection()
    enrolment: EnrolmentSection | None = None
    revocation: RevocationSection | None = None

    def time_source(self) -> TimeSource | None:
        """For Queue.open: what the system says of its clock, or None where the settings vouch for it."""
        usual = "system" if self.gateway.kind == "production" else "confirmed"
        return system_clock if (self.clock.trust or usual) == "system" else None


_Any = TypeVar("_Any")


def load_settings(path: Path) -> Settings:
    """Read and check a settings file. Raises SettingsError with `file:line`."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            "settings.unreadable", f"{path}: {error.strerror}", "give --config the path of a station.toml"
        ) from error
    return parse_settings(text, path)


def parse_settings(text: str, path: Path) -> Settings:
    """Check the text of a settings file. Raises SettingsError with `file:line`."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError("settings.syntax", f"{path}: {error}", "correct the TOML") from error
    try:
        settings = msgspec.convert(_with_credentials(tree), Settings, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise SettingsError(
            "settings.invalid", f"{path}:{_line_of(str(error), text)}: {error}", "see docs/install.md"
        ) from error
    return _absolute(settings, path.resolve().parent)


def _with_credentials(value: Any) -> Any:
    """The tree with ${CREDENTIALS_DIRECTORY} filled in; left as it is where systemd gave no credentials."""
    if isinstance(value, dict):
        return {key: _with_credentials(inner) for key, inner in value.items()}
    if isinstance(value, str):
        return value.replace(CREDENTIALS, os.environ.get("CREDENTIALS_DIRECTORY", CREDENTIALS))
    return value


def _decode(kind: type[_Any], value: object) -> object:
    if kind is Path and isinstance(value, str) and value:
        return Path(value)
    raise ValueError(f"Expected a non-empty path, got {value!r}")


def _absolute(section: _Any, folder: Path) -> _Any:
    """Paths relative to the settings file become absolute, in every section."""
    changes: dict[str, Any] = {}
    for name in getattr(section, "__struct_fields__", ()):
        value = getattr(section, name)
        if isinstance(value, Path):
            changes[name] = folder / value.expanduser()
        elif isinstance(value, tuple):
            changes[name] = tuple(
                folder / one.expanduser() if isinstance(one, Path) else one for one in value
            )
        elif isinstance(value, Struct):
            changes[name] = _absolute(value, folder)
    return msgspec.structs.replace(section, **changes) if changes else section  # type: ignore[type-var]


def _line_of(message: str, text: str) -> int:
    """The line a msgspec message speaks of: the key after the section's header, else the header, else 1."""
    keys = re.findall(r"field `([^`]+)`", message) or [""]
    place = re.search(r"\$\.([\w.]+)", message)
    path = place.group(1).split(".") if place else []
    section = path[0] if path else ""
    wanted = keys[0] if keys[0] else (path[-1] if path else "")
    lines = text.splitlines()
    start = next((n for n, line in enumerate(lines) if line.strip().startswith(f"[{section}")), None)
    for number, line in enumerate(lines[start or 0 :], start=(start or 0) + 1):
        if re.match(rf"\s*\[?{re.escape(wanted)}\b", line) and wanted:
            return number
    return (start or 0) + 1
