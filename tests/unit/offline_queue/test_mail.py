from __future__ import annotations

from email.mime.multipart import MIMEMultipart
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline_queue import mail
from offline_queue.errors import TransportFault
from offline_queue.mailbox import Mailbox
from offline_queue.signers import Signer
from offline_queue.store import Queue
from offline_queue.transports import Parcel
from station.sim.mail_bureau import deliver_to, make_maildir, message
from tests.conftest import FrozenClock
from tests.unit.offline_queue.kit import submission

STATION = "st-1@county.invalid"
RECEIPT = message("receipt", "RECEIPT T", b'{"submission_id":"s"}', b"sig", STATION)


@given(st.binary(max_size=400))
def test_hostile_bytes_are_refused_in_one_way_only(raw: bytes) -> None:
    with pytest.raises(ValueError):
        mail.incoming(raw)


@given(st.integers(0, len(RECEIPT) - 1), st.integers(0, 255), st.integers(0, 40))
def test_a_damaged_message_is_read_or_refused_and_never_stumbled_over(at: int, byte: int, cut: int) -> None:
    damaged = RECEIPT[:at] + bytes([byte]) + RECEIPT[at + 1 : len(RECEIPT) - cut]
    try:
        found = mail.incoming(damaged)
    except ValueError:
        return
    assert found.kind in mail.PAIRS


@given(st.binary(max_size=300), st.binary(max_size=60), st.from_regex(mail.SUBJECT, fullmatch=True))
def test_what_a_bureau_writes_is_read_back(content: bytes, signature: bytes, subject: str) -> None:
    found = mail.incoming(message("response", subject, content, signature, STATION))
    assert (found.content, found.signature) == (content, signature)
    assert f"{found.tot} {found.about}" == subject


@given(st.binary(min_size=1, max_size=2000))
def test_a_submission_comes_out_of_its_message_as_it_went_in(transaction: bytes) -> None:
    manifest = (
        b'{"created_at":"2026-03-02T09:30:00.000Z","ori":"ZZ0000000","parts":[{"name":"transaction.an2","sha256":"'
        + b"0" * 64
        + b'","size":1}],"prev_audit":"'
        + b"0" * 64
        + b'","schema":1,"seq":1,"station_id":"ST-1","submission_id":"s-1","tcn":"TCN1","tot":"CAR"}'
    )
    raw = mail.outgoing(Parcel("s-1", transaction, manifest, b"sig"), STATION, "b@c.d", FrozenClock())
    subject, found = mail.attachments(raw)
    assert subject == "CAR TCN1"
    assert found == {mail.TRANSACTION: transaction, mail.MANIFEST: manifest, mail.SIGNATURE: b"sig"}
    assert all(len(line) < 998 for line in raw.split(b"\r\n")), "RFC 5322, 2.1.1"


def nested(depth: int) -> bytes:
    whole = MIMEMultipart()
    for _ in range(depth):
        outer = MIMEMultipart()
        outer.attach(whole)
        whole = outer
    return whole.as_bytes()


@pytest.mark.parametrize(
    "raw",
    [
        nested(30),
        message("receipt", "R", b"[]", b"s", STATION),
        message("receipt", "R", b'{"submission_id":7}', b"s", STATION),
        message("receipt", "R", b'{"submission_id":"' + b"x" * 65 + b'"}', b"s", STATION),
        message("refusal", "R", b'{"submission_id":"a","submission_id":"b"}', b"s", STATION),
        message("response", "no control number here", b"an2", b"s", STATION),
        RECEIPT.replace(b"receipt.p7s", b"receipt.json"),
        RECEIPT.replace(b"receipt.p7s", b"other.p7s"),
    ],
)
def test_a_message_that_means_nothing_says_nothing(raw: bytes) -> None:
    with pytest.raises(ValueError):
        mail.incoming(raw)


def test_a_message_too_large_is_not_taken_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mail, "LARGEST_MAIL", 100)
    with pytest.raises(ValueError):
        mail.attachments(RECEIPT)
    deliver_to(make_maildir(tmp_path), RECEIPT)
    (letter,) = Mailbox(tmp_path).responses()
    assert letter.reason == "too large to be an answer"


def test_a_message_that_was_filed_by_somebody_else_is_no_trouble(tmp_path: Path) -> None:
    path = deliver_to(make_maildir(tmp_path), RECEIPT)
    mailbox = Mailbox(tmp_path)
    (letter,) = mailbox.about("receipt", "s")
    path.unlink()
    mailbox.done(letter)
    assert mailbox.letters() == []


def test_a_mailbox_that_cannot_be_filed_in_is_named(tmp_path: Path) -> None:
    deliver_to(make_maildir(tmp_path), RECEIPT)
    mailbox = Mailbox(tmp_path)
    (letter,) = mailbox.letters()
    (tmp_path / "cur").rmdir()
    (tmp_path / "cur").write_text("")
    with pytest.raises(TransportFault) as error:
        mailbox.done(letter)
    assert error.value.code == "gateway.mailbox"


def test_a_manifest_of_the_queue_goes_into_the_subject(
    queue: Queue, signer: Signer, clock: FrozenClock
) -> None:
    name = queue.enqueue(submission(), signer).submission_id
    given = Parcel(name, queue.payload(name), queue.manifest(name), queue.signature(name))
    assert b"Subject: CAR TCN0000001\r\n" in mail.outgoing(given, STATION, "b@c.d", clock)
