"""Who may work at this station: officer and PIN in, Officer out, or AccessError.

Officers, roles and PIN hashes come from `officers.toml`. A PIN is kept as scrypt (RFC 7914) with its own
salt. Five failed tries within fifteen minutes close an officer's door until the window has passed (CJIS
Security Policy 5.9.4, AC-7); the tries are kept on disk, so a restart does not open it. A name that is not in
the file costs the same time and is throttled the same way.
"""

from __future__ import annotations

import base64
import datetime as dt
import enum
import hashlib
import hmac
import math
import secrets
import sqlite3
import threading
import tomllib
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta, Struct

from station.errors import SettingsError, StationError

MAX_TRIES = 5
WINDOW = dt.timedelta(minutes=15)
MIN_PIN = 4
_SCRYPT = {"n": 1 << 14, "r": 8, "p": 1}  # RFC 7914 section 2, interactive use: about 50 ms and 16 MiB
_UNKNOWN = (
    "\x00unknown"  # one bucket for every name that is not in the file: the table cannot be grown from outside
)


class AccessError(StationError):
    """Somebody may not do this. Codes start with `access.`"""


class Clock(Protocol):
    """The wall clock, injected."""

    def utcnow(self) -> dt.datetime: ...


class Role(enum.StrEnum):
    """officer: books; supervisor: may also agree to an override."""

    OFFICER = "officer"
    SUPERVISOR = "supervisor"


@dataclass(frozen=True)
class Officer:
    """A person who works at the station."""

    id: str
    name: str
    role: Role


class _Row(Struct, frozen=True, forbid_unknown_fields=True):
    id: Annotated[str, Meta(pattern=r"^[a-z0-9._-]{2,30}$")]
    pin: Annotated[str, Meta(pattern=r"^scrypt\$\d+\$\d+\$\d+\$[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+$")]
    name: str = ""
    role: Role = Role.OFFICER


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    officer: list[_Row]


def hash_pin(pin: str, salt: bytes | None = None) -> str:
    """The line for `officers.toml`: scrypt$n$r$p$salt$hash, base64. Raises AccessError below MIN_PIN."""
    if len(pin) < MIN_PIN:
        raise AccessError("access.pin_short", f"a PIN has at least {MIN_PIN} characters")
    salt = salt or secrets.token_bytes(16)
    digest = hashlib.scrypt(pin.encode(), salt=salt, dklen=32, maxmem=1 << 26, **_SCRYPT)
    numbers = "$".join(str(_SCRYPT[key]) for key in ("n", "r", "p"))
    return f"scrypt${numbers}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def check_pin(pin: str, line: str) -> bool:
    """Whether `pin` gives the hash of `line`, compared in constant time."""
    _, n, r, p, salt, digest = line.split("$")
    wanted = base64.b64decode(digest)
    made = hashlib.scrypt(
        pin.encode(),
        salt=base64.b64decode(salt),
        n=int(n),
        r=int(r),
        p=int(p),
        dklen=len(wanted),
        maxmem=1 << 26,
    )
    return hmac.compare_digest(made, wanted)


class FailedTries:
    """Failed sign-ins on disk: an SQLite file with (who, when). Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._base = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._base.execute("PRAGMA journal_mode=WAL")
        self._base.execute("PRAGMA synchronous=FULL")
        self._base.execute("CREATE TABLE IF NOT EXISTS failed (who TEXT NOT NULL, at REAL NOT NULL)")

    def add(self, who: str, at: dt.datetime) -> None:
        """Write one failure; older ones than the window are dropped."""
        with self._lock, closing(self._base.cursor()) as cursor:
            cursor.execute("DELETE FROM failed WHERE at < ?", ((at - WINDOW).timestamp(),))
            cursor.execute("INSERT INTO failed VALUES (?, ?)", (who, at.timestamp()))

    def recent(self, who: str, at: dt.datetime) -> list[float]:
        """Times (POSIX seconds) of the failures within the window before `at`, oldest first."""
        after = (at - WINDOW).timestamp()
        with self._lock, closing(self._base.cursor()) as cursor:
            rows = cursor.execute("SELECT at FROM failed WHERE who=? AND at>? ORDER BY at", (who, after))
            return [float(row[0]) for row in rows]

    def clear(self, who: str) -> None:
        """Forget the failures of somebody who has signed in."""
        with self._lock, closing(self._base.cursor()) as cursor:
            cursor.execute("DELETE FROM failed WHERE who=?", (who,))

    def close(self) -> None:
        """Give the file back."""
        self._base.close()


class Access:
    """The door: `sign_in` and `second_person`."""

    def __init__(self, officers: Mapping[str, tuple[Officer, str]], tries: FailedTries, clock: Clock) -> None:
        self._officers = dict(officers)
        self._tries = tries
        self._clock = clock
        self._one_at_a_time = threading.Lock()
        self._decoy = hash_pin(secrets.token_hex(8))

    @classmethod
    def load(cls, officers: Path, tries: Path, clock: Clock) -> Access:
        """Read `officers.toml` and open the file of failed tries. Raises SettingsError."""
        return cls(load_officers(officers), FailedTries(tries), clock)

    def close(self) -> None:
        """Give the file of failed tries back."""
        self._tries.close()

    def sign_in(self, officer_id: str, pin: str) -> Officer:
        """The officer, or AccessError `access.refused` (which never says which half was wrong) or
        `access.throttled`."""
        known = self._officers.get(officer_id)
        who = officer_id if known else _UNKNOWN
        with self._one_at_a_time:
            self._refuse_throttled(who)
            # Written before the check: a crash or a race must not give a free try.
            self._tries.add(who, self._clock.utcnow())
        matches = check_pin(pin, known[1] if known else self._decoy)
        if known is None or not matches:
            raise AccessError("access.refused", "officer and PIN do not agree", "check both and try again")
        self._tries.clear(who)
        return known[0]

    def second_person(self, first: str, officer_id: str, pin: str) -> Officer:
        """A supervisor other than `first`, for an override. Raises AccessError."""
        if officer_id == first:
            raise AccessError("access.same_person", "the second person is the officer", "ask a supervisor")
        try:
            second = self.sign_in(officer_id, pin)
        except AccessError as error:
            if error.code != "access.refused":
                raise
            # Not `access.refused`: the officer's own session is in order.
            raise AccessError("access.second_refused", error.message, error.advice) from error
        if second.role is not Role.SUPERVISOR:
            raise AccessError("access.role", f"{second.id} is not a supervisor", "ask a supervisor")
        return second

    def _refuse_throttled(self, who: str) -> None:
        now = self._clock.utcnow()
        recent = self._tries.recent(who, now)
        if len(recent) >= MAX_TRIES:
            wait = recent[-MAX_TRIES] + WINDOW.total_seconds() - now.timestamp()
            minutes = math.ceil(wait / 60)  # never shorter than it takes
            raise AccessError(
                "access.throttled", "too many failed tries", f"wait {minutes} min, or ask a supervisor"
            )


def load_officers(path: Path) -> dict[str, tuple[Officer, str]]:
    """Officers and PIN hashes by id. Raises SettingsError `settings.officers` naming the file."""
    try:
        rows = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File).officer
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise SettingsError("settings.officers", f"{path}: {error}", "see docs/kiosk.md, Officers") from error
    if len({row.id for row in rows}) != len(rows):
        raise SettingsError("settings.officers", f"{path}: an officer is there twice", "keep one of them")
    return {row.id: (Officer(row.id, row.name or row.id, row.role), row.pin) for row in rows}
