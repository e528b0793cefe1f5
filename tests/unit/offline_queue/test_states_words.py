"""What the database, the token and the audit chain call things, in second tables: numbers of SQLite, errno(3), the
classes of PKCS#11's errors, and which change writes which row."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import peewee
import pytest

from offline_queue import audit, errors, keyfile
from offline_queue.errors import Certainty, SignerError, VaultError
from offline_queue.keyfile import read_secret
from offline_queue.models import Outcome
from offline_queue.relay import processes
from offline_queue.signers import Signer
from offline_queue.states import Event
from offline_queue.store import Queue
from offline_queue.store_faults import of
from tests.conftest import FrozenClock
from tests.unit.offline_queue.kit import submission
from tests.unit.offline_queue.test_store import NOT_SENT, UNSURE, accepted, claimed

# https://www.sqlite.org/rescode.html: primary code -> what it is to us. An extended code has it in its low byte.
PRIMARY = {
    3: "cannot_open",  # PERM
    5: "busy",
    6: "busy",  # LOCKED
    8: "read_only",
    10: "disk_error",  # IOERR
    11: "corrupt",
    13: "disk_full",
    14: "cannot_open",
    26: "corrupt",  # NOTADB
}
FAMILIES = (
    "ERROR INTERNAL PERM ABORT BUSY LOCKED NOMEM READONLY INTERRUPT IOERR CORRUPT FULL CANTOPEN PROTOCOL SCHEMA TOOBIG "
    "MISMATCH MISUSE NOLFS AUTH RANGE NOTADB"
).split()


def numbered() -> dict[str, int]:
    """SQLite's own names and numbers, as Python's module has them."""
    found = {}
    for family in FAMILIES:
        primary = getattr(sqlite3, f"SQLITE_{family}")
        found |= {
            name: number
            for name, number in vars(sqlite3).items()
            if name == f"SQLITE_{family}"
            or (name.startswith(f"SQLITE_{family}_") and number > 255 and number & 0xFF == primary)
        }
    return found


class Named(sqlite3.OperationalError):
    """An error as SQLite's driver raises it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.sqlite_errorname = name


def test_sqlites_names_are_there_to_be_looked_through() -> None:
    assert len(numbered()) > 60
    assert {"SQLITE_IOERR_FSYNC", "SQLITE_READONLY_ROLLBACK", "SQLITE_CANTOPEN_ISDIR"} <= set(numbered())


def test_every_error_of_sqlite_is_the_code_of_its_family() -> None:
    found = {name: of(Path("q.db"), Named(name)).code for name in numbered()}
    assert found == {
        name: f"queue.{PRIMARY.get(number & 0xFF, 'database')}" for name, number in numbered().items()
    }


def test_an_error_behind_another_one_tells_what_it_was() -> None:
    after = peewee.OperationalError("cannot rollback - no transaction is active")
    after.__context__ = Named("SQLITE_FULL")
    assert of(Path("q.db"), after).code == "queue.disk_full"


SYSTEM = {errno.ENOSPC: "disk_full", errno.EROFS: "read_only", errno.EIO: "disk_error"}


def test_every_error_of_the_system_is_the_disks_or_says_that_the_file_cannot_be_opened() -> None:
    found = {number: of(Path("q.db"), OSError(number, "x")).code for number in errno.errorcode}
    assert found == {number: f"queue.{SYSTEM.get(number, 'cannot_open')}" for number in errno.errorcode}


def test_text_that_is_none_is_damage() -> None:
    error = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
    assert of(Path("q.db"), error).code == "queue.corrupt"


# PKCS#11 v2.40, table of return values; the classes are those of the library

TOKEN = {
    "PinIncorrect": "signer.pin",
    "PinInvalid": "signer.pin",
    "PinLenRange": "signer.pin",
    "PinLocked": "signer.pin_locked",
    "NoSuchToken": "signer.token_missing",
    "NoSuchKey": "signer.key_missing",
    "MultipleTokensReturned": "signer.ambiguous",
    "MultipleObjectsReturned": "signer.ambiguous",
}


def test_every_error_of_a_token_has_the_code_of_its_meaning() -> None:
    exceptions = pytest.importorskip(
        "pkcs11.exceptions", reason="python-pkcs11 is not installed: ./run setup"
    )
    from offline_queue.signers import pkcs11

    kinds = [
        kind
        for kind in vars(exceptions).values()
        if isinstance(kind, type) and issubclass(kind, exceptions.PKCS11Error)
    ]
    assert set(TOKEN) <= {kind.__name__ for kind in kinds}
    for kind in kinds:
        with pytest.raises(SignerError) as caught, pkcs11._translated():
            raise kind
        assert (kind.__name__, caught.value.code) == (kind.__name__, TOKEN.get(kind.__name__, "signer.token"))
        assert caught.value.advice
    with pytest.raises(SignerError) as caught, pkcs11._translated("signer.certificate_missing"):
        raise exceptions.NoSuchKey
    assert caught.value.code == "signer.certificate_missing"


# the audit chain: one row a change, named for it


def test_each_change_writes_the_row_of_its_name(queue: Queue, signer: Signer, clock: FrozenClock) -> None:
    queue.confirm_clock("0117")
    queue.enqueue(submission(1), signer)
    queue.enqueue(submission(2), signer)
    queue.settle(claimed(queue), NOT_SENT)
    queue.settle(claimed(queue), UNSURE)
    clock.move(31)
    queue.settle(claimed(queue), Outcome(Event.ABSENT))
    claim = claimed(queue)
    queue.keep_response(1, "OTHER", b"x", tot="SRE", signature=b"s")
    queue.settle(claim, accepted(claim))
    queue.keep_response(2, "TCN0000001", b"y", tot="SRE", signature=b"s")
    queue.quarantine_response(3, "response.signature", "x", b"z")
    queue.settle(claimed(queue), Outcome(Event.REFUSED, "c", "m", refused=True))
    queue.retry("sub-2")
    queue.hold("sub-2")
    queue.release("sub-2")
    claimed(queue)
    queue.recover("w")
    queue.settle(claimed(queue), Outcome(Event.DAMAGED))
    with queue.database.read() as tables:
        rows = [(row["event"], row["submission_id"]) for row in audit.rows(tables)]
    first, second = "sub-1", "sub-2"
    assert rows == [
        ("clock_confirmed", None), ("enqueued", first), ("enqueued", second),
        ("claim", first), ("not_sent", first), ("claim", first), ("unsure", first),
        ("claim", first), ("absent", first), ("claim", first), ("response_kept", None), ("accepted", first),
        ("response_kept", None), ("response", first), ("response_quarantined", None),
        ("claim", second), ("refused", second), ("retry", second), ("hold", second), ("release", second),
        ("claim", second), ("lease_expired", second), ("claim", second), ("damaged", second),
    ]  # fmt: skip


def test_words_that_stand_in_files_and_on_wires_stay_what_they_are() -> None:
    assert {str(member) for member in Certainty} == {"not_sent", "unknown", "refused"}
    assert {member.name: str(member) for member in Event} == {
        name.upper(): name
        for name in (
            "claim accepted refused not_sent unsure absent lease_expired damaged expired response hold release retry"
        ).split()
    }


# what a command ends with: 1 somebody has to look, 3 the machine or its surroundings are not right

EXITS = """
QueueError 1         QueueConflict 1      QueueFull 3         EntryUnknown 1      StateError 1       ClockUntrusted 3
LeaseLost 1          StoreFault 3         DamagedEntry 1      VaultError 3        SignerError 3      CmsError 1
CertificateError 1   RevocationError 3    ReceiptError 1      ResponseError 1     TransportFault 3   AwaitingReceipt 3
BundleError 1        EstError 3
"""


def test_each_error_ends_a_command_with_its_number() -> None:
    words = EXITS.split()
    found = {
        name: str(kind.exit_code)
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.QueueError)
    }
    assert found == dict(zip(words[::2], words[1::2], strict=True))


@pytest.mark.parametrize(
    ("certainty", "wide", "is_wide"),
    [
        (Certainty.NOT_SENT, False, True),  # the next would not be sent either
        (Certainty.UNKNOWN, False, False),
        (Certainty.UNKNOWN, True, True),
        (Certainty.REFUSED, False, False),
    ],
)
def test_a_fault_concerns_the_whole_gateway_when_it_says_so_or_nothing_was_sent(
    certainty: Certainty, wide: bool, is_wide: bool
) -> None:
    fault = errors.TransportFault("c", "m", certainty=certainty, gateway_wide=wide)
    assert fault.gateway_wide == is_wide
    usual = errors.TransportFault("c", "m")
    assert (usual.certainty, usual.gateway_wide, usual.retry_after_s) == (Certainty.UNKNOWN, False, None)


# modes of a key file: who may do what, and whether it is used; with a credential of systemd the group may read

MODES = """
0400 yes yes
0600 yes yes
0700 yes yes
0640 no  yes
0440 no  yes
0620 no  no
0610 no  no
0604 no  no
0602 no  no
0601 no  no
0644 no  no
"""


@pytest.mark.parametrize(
    ("mode", "file", "credential"), [line.split() for line in MODES.strip().splitlines()]
)
def test_a_key_is_used_when_nobody_else_can_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, file: str, credential: str
) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"secret")
    key.chmod(int(mode, 8))
    for folder, wanted in ((None, file), (str(tmp_path), credential), (str(tmp_path / "other"), file)):
        monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
        if folder is not None:
            monkeypatch.setenv("CREDENTIALS_DIRECTORY", folder)
        assert keyfile._too_open(key, int(mode, 8)) == (wanted == "no")
        if wanted == "no":
            with pytest.raises(VaultError, match=rf"has mode {mode}"):
                read_secret(key, VaultError, "vault")


def test_a_heartbeat_goes_to_the_pipe_that_the_parent_named(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setenv("RELAY_HEARTBEAT", str(writing))
    beat = processes.heart()
    beat()
    beat()
    assert os.read(reading, 10) == b".."
    os.close(reading)
    beat()  # nobody listens: no reason to stop
    os.close(writing)
    beat()
    monkeypatch.delenv("RELAY_HEARTBEAT")
    processes.heart()()
