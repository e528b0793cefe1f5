"""relay.toml: text in, checked values out. Paths are relative to the file; an unknown key is an error.

`${CREDENTIALS_DIRECTORY}` stands for the folder systemd hands its credentials over in.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from offline_queue.errors import QueueError

CREDENTIALS = "${CREDENTIALS_DIRECTORY}"
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Count = Annotated[int, Meta(ge=1)]
Port = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[float, Meta(gt=0, le=3600)]


class Quota(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one station may leave with the relay: entries and MiB that the bureau does not have yet, and submissions
    in any 60 minutes. Beyond that it is told to wait (429), which costs it nothing but time."""

    most_waiting: Count = 2000
    most_waiting_mib: Count = 4096
    most_an_hour: Count = 1000


class StationEntry(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One station. client, signer: common names of its TLS and of its signing certificate; oris: the agencies it may
    submit for and whose unsolicited messages it gets."""

    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,40}$")]
    client: Name
    signer: Name
    oris: Annotated[list[Annotated[str, Meta(pattern=r"^[A-Z0-9]{1,20}$")]], Meta(min_length=1)]
    quota: Quota = Quota()


class Listen(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where stations reach the relay, its TLS certificate, the authority of the stations' certificates, and the folder
    of that authority's revocation lists (offline_queue/revocation.py); somebody else puts them there."""

    host: str = "0.0.0.0"  # noqa: S104  (every station of the county is to reach it; nobody without a certificate does)
    port: Port = 8443
    cert: Path
    key: Path
    station_ca: Path
    crl_folder: Path | None = None
    processes: Annotated[int, Meta(ge=1, le=64)] = 2
    upload_s: Seconds = 60.0


class Page(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The status page and /metrics: plain HTTP, loopback unless told otherwise, nothing personal on it."""

    host: str = "127.0.0.1"
    port: Port = 9465


class Custody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """name: as it stands in the relay's receipts; signer: key URI; vault_key: what seals the payloads; keep_days: how
    long bytes stay after the bureau took custody (ids, receipts and the audit chain stay for ever); sealing_keys:
    private keys (PEM) to which stations seal, the last one too as long as something may be under way to it."""

    name: Annotated[str, Meta(min_length=1, max_length=120)]
    signer: str
    vault_key: Path
    keep_days: Annotated[int, Meta(ge=0, le=3650)] = 30
    sealing_keys: list[Path] = []


class Bureau(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where submissions go on to, as [gateway] of station.toml; workers: senders at the same time."""

    url: str
    ca: Path
    client_cert: Path
    client_key: Path
    receipt_ca: Path
    total_deadline_s: Seconds = 120.0
    poll_s: Seconds = 15.0
    retry_cap_s: Seconds = 60.0
    refusals: Annotated[int, Meta(ge=1, le=100)] = 1
    workers: Annotated[int, Meta(ge=1, le=64)] = 2
    options: dict[str, str] = {}


class Settings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole relay.toml. database: `postgresql://…`."""

    database: Annotated[str, Meta(pattern=r"^postgresql://")]
    listen: Listen
    custody: Custody
    bureau: Bureau
    page: Page = Page()
    station: Annotated[list[StationEntry], Meta(min_length=1)]


_Any = TypeVar("_Any")


def load(path: Path) -> Settings:
    """QueueError `relay.settings` with the file and the reason."""
    try:
        return parse(path.read_text("utf-8"), path.resolve().parent)
    except (OSError, ValueError) as error:
        raise QueueError("relay.settings", f"{path}: {error}", "see docs/relay.md") from error


def parse(text: str, folder: Path) -> Settings:
    """ValueError when the text is not a relay.toml."""
    tree = _with_credentials(tomllib.loads(text))
    settings: Settings = _absolute(msgspec.convert(tree, Settings, dec_hook=_decode), folder)
    for what in ("id", "client"):
        names = [getattr(station, what) for station in settings.station]
        if len(set(names)) != len(names):
            raise ValueError(f"two stations have the same {what}")
    return settings


def _with_credentials(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_credentials(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_credentials(inner) for inner in value]
    if isinstance(value, str):
        return value.replace(CREDENTIALS, os.environ.get("CREDENTIALS_DIRECTORY", CREDENTIALS))
    return value


def _decode(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str) and value:
        return Path(value)
    raise ValueError(f"expected a path, got {value!r}")


def _absolute(section: _Any, folder: Path) -> _Any:
    changes: dict[str, Any] = {}
    for name in getattr(section, "__struct_fields__", ()):
        value = getattr(section, name)
        if isinstance(value, Path):
            changes[name] = folder / value.expanduser()
        elif isinstance(value, list) and value and all(isinstance(each, Path) for each in value):
            changes[name] = [folder / each.expanduser() for each in value]
        elif isinstance(value, Struct):
            changes[name] = _absolute(value, folder)
    return msgspec.structs.replace(section, **changes) if changes else section  # type: ignore[type-var]
