"""A PostgreSQL server of one's own for a test or a benchmark: in a folder that goes away, on a Unix socket only.

Needs the server's programs (Debian package postgresql); `programs()` finds them. As root the server runs as `postgres`
or `nobody`, because it refuses to run as root. Settings are the server's own: fsync stays on.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PLACES = ("/usr/lib/postgresql", "/usr/pgsql")
NEEDED = ("initdb", "pg_ctl", "postgres", "pg_dump", "pg_basebackup", "psql")
QUIET = {"LC_ALL": "C", "PATH": os.environ.get("PATH", "")}


def programs() -> Path | None:
    """The folder of the newest server's programs; None where there is none."""
    versions = [path for place in PLACES for path in Path(place).glob("*/bin")]
    newest = sorted(versions, key=lambda path: float(path.parent.name), reverse=True)
    on_path = shutil.which("initdb")
    for folder in (*newest, *([Path(on_path).parent] if on_path else [])):
        if all((folder / name).exists() for name in NEEDED):
            return folder
    return None


def account() -> str | None:
    """Who the server runs as: None for ourselves. LookupError when we are root and there is nobody else."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise LookupError("no account to run PostgreSQL as")


@dataclass
class Server:
    """A server in `folder`. url: what the relay takes."""

    folder: Path
    bin: Path
    user: str | None
    settings: Sequence[str] = field(default=())

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def url(self) -> str:
        return self.url_of("relay")

    def url_of(self, database: str) -> str:
        """The address of one database of this server."""
        return f"postgresql:///{database}?host={self.folder}&user=relay"

    def run(self, program: str, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """One of the server's programs, as its account. CalledProcessError with what it said."""
        who: dict[str, Any] = {} if self.user is None else {"user": self.user, "group": _group(self.user)}
        if self.user is not None:
            who["extra_groups"] = []
        return subprocess.run(
            [str(self.bin / program), *arguments],
            check=True,
            capture_output=True,
            text=True,
            env=QUIET,
            cwd=self.folder,
            **who,
            **more,
        )

    def init(self) -> None:
        """Make the cluster and the database."""
        self.run(
            "initdb", "-D", str(self.data), "-U", "relay", "-A", "trust", "-k", "-E", "UTF8", "--no-sync"
        )
        self.start()
        self.sql("CREATE DATABASE relay", "postgres")

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} " + " ".join(
            f"-c {setting}" for setting in self.settings
        )
        log = str(self.folder / "log")
        self.run("pg_ctl", "-D", str(self.data), "-w", "-t", "60", "-l", log, "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """fast: in good order; immediate: as if it crashed."""
        self.run("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    def sql(self, statement: str, database: str = "relay") -> str:
        """One statement through psql; its rows, unaligned."""
        done = self.run(
            "psql",
            "-h",
            str(self.folder),
            "-U",
            "relay",
            "-v",
            "ON_ERROR_STOP=1",
            "-Atqc",
            statement,
            database,
        )
        return done.stdout.strip()


@contextmanager
def postgres(folder: Path | None = None, settings: Sequence[str] = ()) -> Iterator[Server]:
    """A running server with an empty database `relay`. LookupError where PostgreSQL is not installed."""
    found = programs()
    if found is None:
        raise LookupError("no PostgreSQL server programs: install the Debian package postgresql")
    place = Path(tempfile.mkdtemp(prefix="relay-pg-", dir=folder))
    server = Server(place, found, account(), settings)
    try:
        with _ending_on_sigterm():
            if server.user is not None:
                shutil.chown(place, server.user, _group(server.user))
            server.init()
            yield server
    finally:
        if (server.data / "postmaster.pid").exists():
            server.stop("immediate")
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """The server is a daemon of its own: a process that is told to end must get as far as stopping it."""
    plain = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if threading.current_thread() is not threading.main_thread() or not plain:
        yield
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _group(user: str) -> int:
    return pwd.getpwnam(user).pw_gid
