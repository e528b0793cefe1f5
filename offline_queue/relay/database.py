"""The relay's database: connections to a PostgreSQL server through peewee and psycopg, one a thread, kept open.

Settings that could lose an acknowledged submission (fsync, synchronous_commit, full_page_writes) are read back at the
start and refuse it. Errors of the server become StoreFault; a broken constraint passes, its callers expect it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import peewee

from offline_queue.clock import Clock, boot_id
from offline_queue.errors import StoreFault
from offline_queue.relay.migrations import migrations

SETTINGS = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "remote_apply", "remote_write", "local"),
}
MIGRATING = 0x1176_5CA7  # an advisory lock's number, ours by choice
STATES = {
    "53100": ("relay.disk_full", "the database server's disk is full", "free space there; nothing was lost"),
    "25006": (
        "relay.read_only",
        "the database only reads: it is a standby",
        "name the primary in relay.toml",
    ),
    "42501": (
        "relay.not_permitted",
        "the database refuses this account",
        "grant it the schema (docs/relay.md)",
    ),
}
AWAY = (
    "relay.database_away",
    "the database does not answer",
    "look at the PostgreSQL server; nothing is lost",
)
Row = dict[str, Any]


class Database:
    """Safe for several threads; every thread has a connection of its own. Make it with `Database.open`."""

    def __init__(self, connection: Any, clock: Clock, boot: str) -> None:
        self._peewee = connection
        self.clock = clock
        self.boot = boot

    @classmethod
    def open(cls, url: str, clock: Clock, boot: Callable[[], str] = boot_id) -> Database:
        """Connect, check the settings, bring the schema to the newest version. url: `postgresql://…` or
        `host=… dbname=…`. StoreFault `relay.database_away`, `.setting`, `.schema_newer`, `.library_missing`, …"""
        try:
            import psycopg  # noqa: F401  (only relays need it)
        except ModuleNotFoundError as error:
            raise StoreFault(
                "relay.library_missing", "psycopg is not installed", "install the extra `relay`"
            ) from error
        connection = peewee.PostgresqlDatabase(
            url,
            prefer_psycopg3=True,
            autoconnect=False,
            connect_timeout=10,
            application_name="livescan-relay",
        )
        database = cls(connection, clock, boot())
        try:
            database._check_settings()
            database._migrate()
        except BaseException:
            database.close()
            raise
        return database

    def close(self) -> None:
        """Close this thread's connection; those of other threads end with their threads."""
        with contextlib.suppress(Exception):
            self._peewee.close()

    @contextlib.contextmanager
    def write(self) -> Iterator[Database]:
        """One transaction: all of it is durable when the block ends, or none of it is."""
        with self._translated(), self._peewee.atomic():
            yield self

    def rows(self, statement: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        """Run one statement; its rows by column name. Bytes travel as bytes, not as text."""
        with self._translated():
            cursor = self._peewee.connection().execute(statement, parameters or None, binary=True)
            if cursor.description is None:
                return []
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def one(self, statement: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> Row | None:
        """The first row, None without one."""
        return next(iter(self.rows(statement, parameters)), None)

    def add(self, table: str, values: Mapping[str, Any]) -> None:
        """Insert one row. table and the keys are names of our own schema."""
        peewee.Table(table, tuple(values)).bind(self._peewee).insert(dict(values)).execute()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            if self._peewee.is_closed():
                self._peewee.connect()
            yield
        except Exception as error:
            if _is_integrity(error):  # peewee's, whichever way the statement went
                raise peewee.IntegrityError(str(error)) from error
            fault = _fault(error)
            if fault is None:
                raise
            if fault.code == AWAY[0] or not self._peewee.is_connection_usable():
                self.close()  # the next use of this thread connects anew
            raise fault from error

    def _check_settings(self) -> None:
        for name, good in SETTINGS.items():
            row = self.one("SELECT current_setting(%s) AS value", (name,))
            if row is None or row["value"] not in good:
                raise StoreFault(
                    "relay.setting",
                    f"{name} is {row and row['value']} on the server: a power cut could lose what was acknowledged",
                    f"set {name} = {good[0]} on the server",
                )

    def _migrate(self) -> None:
        with self.write():
            self.rows("SELECT pg_advisory_xact_lock(%s)", (MIGRATING,))
            self.rows(
                "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, at TIMESTAMPTZ)"
            )
            found = self.one("SELECT coalesce(max(version), 0) AS version FROM schema_version")
            version, wanted = found["version"] if found else 0, migrations()
            if version > max(wanted):
                raise StoreFault(
                    "relay.schema_newer",
                    f"the database has version {version}, this program knows {max(wanted)}",
                    "install the newer program: there is no way back",
                )
            for number in range(version + 1, max(wanted) + 1):
                for statement in wanted[number]:
                    self.rows(statement)
                self.rows("INSERT INTO schema_version VALUES (%s, clock_timestamp())", (number,))

    def version(self) -> int:
        """The version of the schema."""
        row = self.one("SELECT max(version) AS version FROM schema_version")
        return int(row["version"]) if row else 0


def _is_integrity(error: BaseException) -> bool:
    import psycopg

    return isinstance(error, psycopg.IntegrityError)


def _fault(error: BaseException) -> StoreFault | None:
    """StoreFault for an error of the server or of the way to it; None for everything else."""
    import psycopg

    original = getattr(error, "orig", error)
    if isinstance(error, peewee.IntegrityError):
        return None
    if not isinstance(error, peewee.DatabaseError | peewee.InterfaceError | psycopg.Error):
        return None
    state = str(getattr(original, "sqlstate", "") or "")
    if state in STATES:
        code, message, advice = STATES[state]
    elif isinstance(original, psycopg.OperationalError | psycopg.InterfaceError) or state[:2] in ("08", "57"):
        code, message, advice = AWAY
    else:
        code, message, advice = "relay.database", "the database refused a statement", "see docs/relay.md"
    return StoreFault(code, f"{message}: {str(original).strip()[:200]}", advice)
