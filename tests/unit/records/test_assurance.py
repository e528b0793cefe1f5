"""assurance: an archive copy gives the submission back byte for byte, and every change to it is found."""

from __future__ import annotations

import argparse
import base64
import datetime as dt
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline_queue import cms
from offline_queue.signers import Signer, load_signer
from station.cli import record_archive
from station.errors import EnvironmentFault, RecordError
from station.records import assurance, tables
from station.records.check_fields import check_record
from station.records.decode import decode
from station.records.encode import encode, record_bytes
from station.records.header import transaction
from station.records.transaction import (
    Field,
    TaggedRecord,
    Transaction,
    TypeFour,
    text,
    type_four_record,
)
from station.sim.pki import PkiPaths, make_pki
from tests.conftest import FrozenClock
from tests.unit.records.kit import HEADER, changed, good, replaced

NOW = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PkiPaths:
    return make_pki(tmp_path_factory.mktemp("pki"), FrozenClock())


@pytest.fixture(scope="module")
def signer(pki: PkiPaths) -> Signer:
    return load_signer(pki.signing_uri)


@pytest.fixture(scope="module")
def trusted(pki: PkiPaths) -> bytes:
    return pki.station_ca.read_bytes()


@pytest.fixture(scope="module")
def sign(signer: Signer) -> assurance.Sign:
    return lambda content: cms.sign_detached(content, signer, NOW)


@pytest.fixture(scope="module")
def copy(sign: assurance.Sign) -> bytes:
    return assurance.archive_copy(encode(good()), sign, NOW)


def codes_of(content: bytes, trusted: bytes, at: dt.datetime | None = None) -> set[str]:
    return {each.code for each in assurance.verify(content, trusted, at)}


def test_an_archive_copy_holds_and_gives_the_submission_back(copy: bytes, trusted: bytes) -> None:
    assert assurance.verify(copy, trusted) == ()
    assert assurance.strip(copy) == encode(good())


def test_the_copy_is_the_submission_with_one_more_record_in_cnt(copy: bytes) -> None:
    before, after = good(), decode(copy)
    assert len(after.records) == len(before.records) + 1
    assert [record_bytes(each) for each in after.records[1:-1]] == [
        record_bytes(each) for each in before.records[1:]
    ]
    rows = after.header.rows(3)
    assert rows[0] == ("1", str(len(after.records) - 1))
    assert rows[-1] == ("98", "99")
    assert rows[1:-1] == before.header.rows(3)[1:]
    others = [
        [(field.number, field.value) for field in txn.header.fields if field.number not in (1, 3)]
        for txn in (before, after)
    ]
    assert others[0] == others[1]
    assert [field.number for field in after.header.fields] == [field.number for field in before.header.fields]


def test_its_type_98_is_what_the_table_says_and_lists_every_record(copy: bytes) -> None:
    record = decode(copy).records[-1]
    assert isinstance(record, TaggedRecord)
    known = {rule.number for rule in tables.TABLES[98]}
    standard = TaggedRecord(98, tuple(each for each in record.fields if each.number in known))
    assert list(check_record(standard, tables.TABLES[98], 0)) == []
    assert all(200 <= each.number <= 899 for each in record.fields if each.number not in known)
    assert [row[0] for row in record.rows(201)] == [str(each.type) for each in good().records]
    assert record.text(4) == HEADER.ori
    assert record.text(6) == "20260302093000Z"


def test_openssl_could_verify_the_bytes_between_the_tags(copy: bytes, trusted: bytes) -> None:
    covered = copy[copy.index(b"98.002:") : copy.index(b"\x1d98.204:")]
    der = base64.b64decode(copy[copy.index(b"98.204:") + 7 : -1])
    assert cms.verify_detached(covered, der, trusted, NOW).certificate


def test_another_authority_is_not_trusted(copy: bytes, tmp_path: Path) -> None:
    stranger = make_pki(tmp_path / "other", FrozenClock())
    assert codes_of(copy, stranger.station_ca.read_bytes()) == {"assurance.signature"}


def test_a_certificate_must_be_valid_at_the_time_asked_for(copy: bytes, trusted: bytes) -> None:
    assert codes_of(copy, trusted, NOW) == set()
    assert codes_of(copy, trusted, NOW + dt.timedelta(days=40_000)) == {"assurance.signature"}


def test_a_changed_record_is_named(copy: bytes, trusted: bytes) -> None:
    found = assurance.verify(copy.replace(b"SAMPLE,SYNTHETIC", b"SAMPLE,SYNTHETYC"), trusted)
    assert {each.code for each in found} == {"assurance.digest", "assurance.whole"}
    assert [each.record for each in found if each.code == "assurance.digest"] == [1]
    with pytest.raises(RecordError) as caught:
        assurance.strip(copy.replace(b"SAMPLE,SYNTHETIC", b"SAMPLE,SYNTHETYC"))
    assert caught.value.code == "record.archive_damaged"


def test_a_changed_header_is_found_although_it_is_stored_twice(copy: bytes, trusted: bytes) -> None:
    changed_header = copy.replace(b"1.009:SIM-2026-000001", b"1.009:SIM-2026-000002", 1)
    assert codes_of(changed_header, trusted) == {"assurance.header"}


@pytest.mark.parametrize(
    ("number", "value", "code"),
    [
        (203, "!!!!", "assurance.form"),
        (203, "AAAA", "assurance.form"),
        (204, "!!!!", "assurance.form"),
        (204, "AAAA", "assurance.signature"),
        (6, "20261399000000Z", "assurance.form"),
        (201, "1", "assurance.list"),
        (202, "0" * 64, "assurance.whole"),
        (4, "EXSIB0001", "assurance.signature"),
    ],
)
def test_a_changed_field_of_the_type_98_is_found(
    copy: bytes, trusted: bytes, number: int, value: str, code: str
) -> None:
    txn = decode(copy)
    record = txn.records[-1]
    assert isinstance(record, TaggedRecord)
    fields = tuple(
        text(number, value) if each.number == number else each for each in record.fields if each.number != 1
    )
    assert code in codes_of(encode(replaced(txn, len(txn.records) - 1, TaggedRecord(98, fields))), trusted)


def test_a_field_behind_the_signature_is_found(copy: bytes, trusted: bytes) -> None:
    txn = decode(copy)
    record = txn.records[-1]
    assert isinstance(record, TaggedRecord)
    more = TaggedRecord(98, (*(each for each in record.fields if each.number != 1), text(993, "SOMEBODY")))
    assert "assurance.form" in codes_of(encode(replaced(txn, len(txn.records) - 1, more)), trusted)


@given(st.data())
@settings(max_examples=150)
def test_no_byte_can_be_changed_unseen(copy: bytes, trusted: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(copy) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != copy[at]))
    assert assurance.verify(copy[:at] + bytes([byte]) + copy[at + 1 :], trusted) != ()


def test_no_byte_of_the_signature_can_be_changed_unseen(copy: bytes, trusted: bytes) -> None:
    """Neither a byte that is signed nor one that is not: versions, algorithms, the authority's certificate."""
    start = copy.index(b"98.204:") + 7
    unseen = [
        at - start
        for at in range(start, len(copy) - 1, 3)
        if not assurance.verify(
            copy[:at] + (b"B" if copy[at : at + 1] == b"A" else b"A") + copy[at + 1 :], trusted
        )
    ]
    assert unseen == []


@given(st.binary(max_size=300))
def test_whatever_the_bytes_verify_gives_findings_and_strip_an_error(trusted: bytes, content: bytes) -> None:
    assert assurance.verify(content, trusted) != ()
    with pytest.raises(RecordError):
        assurance.strip(content)


def test_a_submission_is_no_archive_copy(trusted: bytes) -> None:
    assert codes_of(encode(good()), trusted) == {"assurance.absent"}
    with pytest.raises(RecordError) as caught:
        assurance.strip(encode(good()))
    assert caught.value.code == "record.not_archived"


def test_an_archive_copy_is_not_archived_again(copy: bytes, sign: assurance.Sign) -> None:
    with pytest.raises(RecordError) as caught:
        assurance.archive_copy(copy, sign, NOW)
    assert caught.value.code == "record.already_archived"


def test_the_agency_must_fit_its_field(sign: assurance.Sign) -> None:
    content = encode(good())
    with pytest.raises(RecordError) as caught:
        assurance.archive_copy(content, sign, NOW, "SHORT")
    assert caught.value.code == "record.value_shape"
    record = decode(assurance.archive_copy(content, sign, NOW, "COUNTY ARCHIVE")).records[-1]
    assert isinstance(record, TaggedRecord)
    assert record.text(4) == "COUNTY ARCHIVE"


def test_a_file_without_a_free_idc_is_refused(sign: assurance.Sign) -> None:
    full = transaction("CAR", HEADER, [TaggedRecord(2, (text(2, f"{number:02d}"),)) for number in range(100)])
    with pytest.raises(RecordError) as caught:
        assurance.archive_copy(encode(full), sign, NOW)
    assert caught.value.code == "record.archive_full"


def test_a_second_type_98_of_another_owner_stays_where_it_is(sign: assurance.Sign, trusted: bytes) -> None:
    foreign = TaggedRecord(98, (text(2, "99"), text(3, "0101"), text(4, "OTHER OWNER"), text(5, "1")))
    content = encode(transaction("CAR", HEADER, [TaggedRecord(2, (text(2, "00"), text(18, "A,B"))), foreign]))
    copy = assurance.archive_copy(content, sign, NOW)
    assert assurance.verify(copy, trusted) == ()
    assert assurance.strip(copy) == content
    assert decode(copy).header.rows(3)[-1] == ("98", "98")


def odd_submissions() -> st.SearchStrategy[Transaction]:
    """Transactions of tagged and binary records with any bytes in the image."""
    image = st.builds(
        lambda idc, data: type_four_record(TypeFour(idc, 0, (1,), 0, 10, 10, 1, data)),
        st.integers(1, 90),
        st.binary(max_size=40),
    )
    tagged = st.builds(
        lambda idc, data: TaggedRecord(14, (text(2, f"{idc:02d}"), Field(999, ((data,),)))),
        st.integers(1, 90),
        st.binary(min_size=1, max_size=40),
    )
    return st.lists(image | tagged, max_size=5).map(lambda records: transaction("CAR", HEADER, records))


@given(odd_submissions())
@settings(max_examples=40)
def test_any_submission_comes_back_byte_for_byte(
    sign: assurance.Sign, trusted: bytes, txn: Transaction
) -> None:
    content = encode(txn)
    copy = assurance.archive_copy(content, sign, NOW)
    assert assurance.verify(copy, trusted) == ()
    assert assurance.strip(copy) == content


def test_a_header_with_short_tags_comes_back_byte_for_byte(sign: assurance.Sign, trusted: bytes) -> None:
    content = encode(changed(good(), 0)).replace(b"1.009:", b"1.9:", 1).replace(b"1.001:", b"1.01:", 1)
    length = content.index(b"\x1c") + 1
    content = b"1.01:%d" % length + content[content.index(b"\x1d") :]
    copy = assurance.archive_copy(content, sign, NOW)
    assert copy.startswith(b"1.01:")
    assert assurance.verify(copy, trusted) == ()
    assert assurance.strip(copy) == content


def test_real_files_come_back_byte_for_byte(shared_data: Path, sign: assurance.Sign, trusted: bytes) -> None:
    done = 0
    for path in sorted((shared_data / "an2").rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        try:
            decode(content)
        except RecordError:
            continue
        copy = assurance.archive_copy(content, sign, NOW, "SHARED SAMPLES")
        assert assurance.verify(copy, trusted) == (), path.name
        assert assurance.strip(copy) == content, path.name
        done += 1
    assert done > 0


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    record_archive.add_arguments(parser.add_subparsers(dest="action"))
    return parser.parse_args(words)


def test_the_command_archives_verifies_and_strips(
    tmp_path: Path, pki: PkiPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    sent, kept, back = tmp_path / "sent.an2", tmp_path / "kept.an2", tmp_path / "back.an2"
    sent.write_bytes(encode(good()))
    assert (
        record_archive.run(arguments("archive", str(sent), str(kept), "--key", pki.signing_uri, "--json"))
        == 0
    )
    assert json.loads(capsys.readouterr().out)["size"] == len(kept.read_bytes())
    trust = ("--trust", str(pki.station_ca))
    at = ("--at", "2026-03-02T10:00")
    assert record_archive.run(arguments("verify-archive", str(kept), *trust, *at)) == 0
    assert "digests and signature hold" in capsys.readouterr().out
    assert record_archive.run(arguments("strip-archive", str(kept), str(back))) == 0
    assert back.read_bytes() == sent.read_bytes()
    capsys.readouterr()
    assert record_archive.run(arguments("verify-archive", str(sent), *trust, "--json")) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["code"] == "assurance.absent"
    assert record_archive.run(arguments("verify-archive", str(sent), *trust)) == 1
    assert "assurance.absent" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ("strip-archive", "absent.an2", "out.an2"),
        ("verify-archive", "absent.an2", "--trust", "absent.pem"),
    ],
)
def test_a_file_that_is_not_there_is_an_environment_fault(words: tuple[str, ...]) -> None:
    with pytest.raises(EnvironmentFault):
        record_archive.run(arguments(*words))


def test_a_folder_that_is_not_there_and_a_time_that_is_none_are_environment_faults(
    tmp_path: Path, copy: bytes, pki: PkiPaths
) -> None:
    kept = tmp_path / "kept.an2"
    kept.write_bytes(copy)
    with pytest.raises(EnvironmentFault):
        record_archive.run(arguments("strip-archive", str(kept), str(tmp_path / "no" / "out.an2")))
    with pytest.raises(EnvironmentFault):
        record_archive.run(
            arguments("verify-archive", str(kept), "--trust", str(pki.station_ca), "--at", "YESTERDAY")
        )
