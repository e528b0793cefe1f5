"""Bookings and every delivered frame on disk: Booking and Taken in, the same out after a kill -9 or a power cut.

SQLite (WAL, synchronous FULL, both read back at open). All personal data and all pixels are sealed by the vault,
bound to their row by the additional data; in clear are only id, state, type of transaction, times, positions
and digests. A frame belongs to one booking for ever: its digest is kept in a table of its own, and the same
pixels offered to another booking are refused with `booking.impression_reused` (re-used queued prints are a
known abuse).
"""

from __future__ import annotations

import datetime as dt
import threading
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
import peewee as pw

from drivers.reader import Frame, ReaderInfo
from station.booking import Attempt, Booking
from station.errors import BookingError, EnvironmentFault
from station.friction_ridge import FGP, IMP, Impression, MinutiaTemplate, QualityReport

_PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
_ARRAYS = {"x": np.float32, "y": np.float32, "angle": np.float32, "kind": np.uint8, "quality": np.uint8}
_FRAME_KEYS = ("ppi", "monotonic", "clock_trusted", "final", "sequence")


class Sealer(Protocol):
    """What the store asks of `offline_queue.vault.Vault`."""

    def seal(self, plaintext: bytes, aad: bytes) -> bytes: ...
    def open(self, sealed: bytes, aad: bytes) -> bytes: ...


@dataclass(frozen=True, eq=False)
class Taken:
    """One delivered frame with everything that was found out about it."""

    impression: Impression
    template: MinutiaTemplate
    report: QualityReport


class BookingStore:
    """The file of bookings. One process, any thread."""

    def __init__(self, database: pw.SqliteDatabase, vault: Sealer) -> None:
        self._database = database
        self._vault = vault
        self._lock = threading.RLock()
        self._bookings, self._frames, self._digests = _tables(database)

    @classmethod
    def open(cls, path: Path, vault: Sealer) -> BookingStore:
        """Open or make the file. Raises EnvironmentFault when it cannot be written or a pragma fails."""
        # One connection for all threads, guarded by our lock: the same order of writes as the officer made.
        database = pw.SqliteDatabase(str(path), pragmas=_PRAGMAS, thread_safe=False, check_same_thread=False)
        store = cls(database, vault)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            database.connect()
            _read_back(database)
            database.create_tables([store._bookings, store._frames, store._digests])
        except (pw.PeeweeException, OSError) as error:
            store.close()
            raise EnvironmentFault(
                "environment.booking_database", f"{path}: {error}", "check folder, permissions and free disk"
            ) from error
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._database.close()

    def save(self, booking: Booking, taken: Taken | None = None) -> None:
        """Write a booking, and with it the frame of its newest attempt, in one transaction.

        Raises BookingError `booking.impression_reused`, EnvironmentFault `environment.booking_write`.
        """
        with self._lock, self._writing():
            self._save_booking(booking)
            if taken is not None:
                self._save_frame(booking, _attempt_of(booking, taken), taken)

    def forget(self, booking: Booking) -> None:
        """Keep a booking without what it knows of the person: its frames and the subject are destroyed, its course and
        the digests of its frames stay. The log is emptied, so that no older page lies in it."""
        with self._lock:
            with self._writing():
                self._save_booking(replace(booking, subject={}))
                self._frames.delete().where(self._frames.booking == booking.id).execute()
            _pragma(self._database, "wal_checkpoint(TRUNCATE)")

    def booking(self, booking_id: str) -> Booking:
        """The booking with this id. Raises BookingError `booking.unknown`."""
        with self._lock:
            row = self._bookings.get_or_none(self._bookings.id == booking_id)
        if row is None:
            raise BookingError("booking.unknown", f"there is no booking {booking_id}", "open the worklist")
        return self._unseal(row)

    def bookings(self) -> list[Booking]:
        """All bookings, newest first."""
        with self._lock:
            rows = list(self._bookings.select().order_by(self._bookings.created_at.desc()))
        return [self._unseal(row) for row in rows]

    def taken(self, booking_id: str, fgp: FGP, number: int) -> Taken:
        """The frame of one attempt with template and report. Raises BookingError `booking.no_impression`."""
        frames = self._frames
        with self._lock:
            row = frames.get_or_none(
                (frames.booking == booking_id) & (frames.fgp == int(fgp)) & (frames.number == number)
            )
        if row is None:
            raise BookingError(
                "booking.no_impression", f"attempt {number} of position {int(fgp)} is not there"
            )
        return _unpack(self._vault.open(bytes(row.sealed), _frame_aad(booking_id, fgp, number)))

    def accepted(self, booking: Booking) -> dict[FGP, Taken]:
        """What was accepted, by position, in the order of the plan."""
        done = booking.accepted
        return {
            step.fgp: self.taken(booking.id, step.fgp, done[step.fgp].number)
            for step in booking.steps
            if step.fgp in done
        }

    def check(self) -> str:
        """SQLite's own integrity check: `ok`, or what is wrong."""
        with self._lock:
            return str(_pragma(self._database, "integrity_check"))

    def _writing(self) -> Any:
        return _Transaction(self._database)

    def _save_booking(self, booking: Booking) -> None:
        sealed = self._vault.seal(msgspec.json.encode(booking), _booking_aad(booking.id))
        self._bookings.replace(
            id=booking.id,
            state=str(booking.state),
            tot=booking.tot,
            created_at=booking.created_at.isoformat(),
            updated_at=booking.updated_at.isoformat(),
            sealed=sealed,
        ).execute()

    def _save_frame(self, booking: Booking, attempt: Attempt, taken: Taken) -> None:
        self._digests.insert(digest=attempt.digest, booking=booking.id).on_conflict_ignore().execute()
        owner = self._digests.get(self._digests.digest == attempt.digest).booking
        if owner != booking.id:
            raise BookingError(
                "booking.impression_reused",
                "these pixels already belong to another booking",
                "take the impression again from the person in front of you",
            )
        self._frames.insert(
            booking=booking.id,
            fgp=int(attempt.fgp),
            number=attempt.number,
            digest=attempt.digest,
            sealed=self._vault.seal(_pack(taken), _frame_aad(booking.id, attempt.fgp, attempt.number)),
        ).execute()

    def _unseal(self, row: Any) -> Booking:
        return msgspec.json.decode(self._vault.open(bytes(row.sealed), _booking_aad(row.id)), type=Booking)


class _Transaction:
    """BEGIN IMMEDIATE … COMMIT, with a full or broken disk told as an EnvironmentFault."""

    def __init__(self, database: pw.SqliteDatabase) -> None:
        self._atomic = database.atomic("IMMEDIATE")

    def __enter__(self) -> None:
        self._atomic.__enter__()

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        try:
            self._atomic.__exit__(kind, error, trace)
        except pw.PeeweeException as failure:
            error = failure
        if isinstance(error, pw.PeeweeException):
            raise EnvironmentFault(
                "environment.booking_write",
                f"the booking was not saved: {error}",
                "check free disk, then try again",
            ) from error


def _tables(database: pw.SqliteDatabase) -> tuple[Any, Any, Any]:
    """The three tables, bound to one database (no module-level connection)."""

    class BookingRow(pw.Model):
        id = pw.TextField(primary_key=True)
        state = pw.TextField()
        tot = pw.TextField()
        created_at = pw.TextField(index=True)
        updated_at = pw.TextField()
        sealed = pw.BlobField()

        class Meta:
            table_name = "booking"

    class FrameRow(pw.Model):
        booking = pw.TextField()
        fgp = pw.IntegerField()
        number = pw.IntegerField()
        digest = pw.TextField()
        sealed = pw.BlobField()

        class Meta:
            table_name = "frame"
            indexes = ((("booking", "fgp", "number"), True),)

    class DigestRow(pw.Model):
        digest = pw.TextField(primary_key=True)
        booking = pw.TextField()

        class Meta:
            table_name = "digest"

    tables = (BookingRow, FrameRow, DigestRow)
    database.bind(tables)
    return tables


def _read_back(database: pw.SqliteDatabase) -> None:
    """Raises EnvironmentFault when SQLite did not take a pragma (a file system without WAL, for one)."""
    for name, wanted in _PRAGMAS.items():
        held = _pragma(database, name)
        if str(held) != str(wanted):
            raise EnvironmentFault(
                "environment.booking_database", f"PRAGMA {name} is {held}, not {wanted}", "use a local disk"
            )


def _pragma(database: Any, name: str) -> object:
    return database.execute_sql(f"PRAGMA {name}").fetchone()[0]


def _attempt_of(booking: Booking, taken: Taken) -> Attempt:
    impression = taken.impression
    return next(
        one for one in booking.attempts if one.fgp == impression.fgp and one.number == impression.attempt
    )


def _booking_aad(booking_id: str) -> bytes:
    return f"booking/{booking_id}".encode()


def _frame_aad(booking_id: str, fgp: FGP, number: int) -> bytes:
    return f"frame/{booking_id}/{int(fgp)}/{number}".encode()


class _Packed(msgspec.Struct):
    """A Taken as it is sealed: pixels and arrays as bytes, the rest as plain values."""

    frame: dict[str, Any]
    info: ReaderInfo
    wall: dt.datetime
    shape: tuple[int, int]
    pixels: bytes
    fgp: int
    imp: int
    officer: str
    attempt: int
    template: dict[str, Any]
    report: QualityReport


def _pack(taken: Taken) -> bytes:
    one, frame, template = taken.impression, taken.impression.frame, taken.template
    return msgspec.msgpack.encode(
        _Packed(
            frame={key: getattr(frame, key) for key in _FRAME_KEYS},
            info=frame.reader,
            wall=frame.wall,
            shape=(frame.pixels.shape[0], frame.pixels.shape[1]),
            pixels=zlib.compress(frame.pixels.tobytes(), 1),
            fgp=int(one.fgp),
            imp=int(one.imp),
            officer=one.officer,
            attempt=one.attempt,
            template={
                "size": (template.width, template.height, template.ppi),
                **{name: getattr(template, name).astype(kind).tobytes() for name, kind in _ARRAYS.items()},
            },
            report=taken.report,
        )
    )


def _unpack(data: bytes) -> Taken:
    packed = msgspec.msgpack.decode(data, type=_Packed)
    pixels = np.frombuffer(zlib.decompress(packed.pixels), np.uint8).reshape(packed.shape)
    frame = Frame(pixels=pixels, reader=packed.info, wall=packed.wall, **packed.frame)
    width, height, ppi = packed.template["size"]
    arrays: dict[str, Any] = {
        name: np.frombuffer(packed.template[name], kind) for name, kind in _ARRAYS.items()
    }
    return Taken(
        Impression(frame, FGP(packed.fgp), IMP(packed.imp), packed.officer, packed.attempt),
        MinutiaTemplate(width=width, height=height, ppi=ppi, **arrays),
        packed.report,
    )
