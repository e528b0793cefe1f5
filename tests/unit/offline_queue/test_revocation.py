"""A folder of lists: which count for which certificate, what is kept in it, and what never takes another's place."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

from offline_queue import crl_fetch
from offline_queue.crl import SLACK
from offline_queue.errors import QueueError, RevocationError, TransportFault
from offline_queue.revocation import MOST, Guarded, Lists, Revocation
from station.sim.pki import Authority
from tests.conftest import FrozenClock
from tests.unit.offline_queue.kit import MemoryGateway

NOW = FrozenClock().utcnow()
DAY = dt.timedelta(days=1)
WEEK = 7 * DAY
KEY_LOST = x509.ReasonFlags.key_compromise
OURS = Authority.new("SIMULATED TEST authority", NOW - DAY)
OTHER = Authority.new("SIMULATED TEST other authority", NOW - DAY)
BELOW = OURS.issue_authority("SIMULATED TEST authority below", NOW)
LEAF = OURS.issue("leaf", "signing", NOW - DAY, NOW + WEEK).certificate
DEEP = BELOW.issue("deep leaf", "signing", NOW - DAY, NOW + WEEK).certificate
ENTRY = {LEAF.serial_number: (NOW - DAY, KEY_LOST)}


def code(work: Callable[[], object]) -> str:
    with pytest.raises(QueueError) as error:
        work()
    return error.value.code


def judge(folder: Path, *anchors: Authority) -> Revocation:
    return Revocation(Lists(folder), [one.issued.certificate for one in anchors or (OURS,)])


def test_a_certificate_on_a_list_of_its_authority_is_revoked(tmp_path: Path) -> None:
    here = judge(tmp_path)
    assert here.of(LEAF) is None
    (tmp_path / "list.crl").write_bytes(OURS.crl(NOW, ENTRY))
    entry = here.of(LEAF)
    assert entry is not None
    assert entry.serial == LEAF.serial_number
    assert f"{LEAF.serial_number:x}" in str(entry)
    (tmp_path / "list.crl").write_bytes(OURS.crl(NOW, number=22))
    assert here.of(LEAF) is None, "a file that was exchanged is read again"


def test_a_list_of_another_authority_says_nothing_even_with_the_same_name_or_number(tmp_path: Path) -> None:
    (tmp_path / "other.crl").write_bytes(OTHER.crl(NOW, ENTRY))
    namesake = Authority.new("SIMULATED TEST authority", NOW)
    (tmp_path / "forged.crl").write_bytes(namesake.crl(NOW, ENTRY))
    assert judge(tmp_path, OURS, OTHER).of(LEAF) is None


def test_an_authority_that_was_revoked_takes_what_is_under_it_with_it(tmp_path: Path) -> None:
    below = BELOW.issued.certificate
    (tmp_path / "list.crl").write_bytes(OURS.crl(NOW, {below.serial_number: (NOW, KEY_LOST)}))
    here = judge(tmp_path)
    assert here.of(DEEP) is None, "its authority is not known"
    entry = here.of(DEEP, [below])
    assert entry is not None
    assert entry.serial == below.serial_number
    (tmp_path / "below.pem").write_bytes(BELOW.cert_pem)
    assert here.of(DEEP) is not None, "a certificate beside the lists is one of its path"


def test_a_certificate_of_a_stranger_is_not_judged(tmp_path: Path) -> None:
    (tmp_path / "list.crl").write_bytes(OURS.crl(NOW, ENTRY))
    assert judge(tmp_path, OTHER).of(LEAF) is None


def test_files_that_cannot_be_read_are_named_and_do_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "bad.crl").write_bytes(b"no list")
    (tmp_path / "bad.pem").write_bytes(b"no certificate")
    (tmp_path / "folder.crl").mkdir()
    (tmp_path / "list.crl").write_bytes(OURS.crl(NOW, ENTRY))
    (tmp_path / "notes.txt").write_text("not looked at")
    here = judge(tmp_path)
    assert here.of(LEAF) is not None
    assert {path.name: error.code for path, error in here.lists.unfit().items()} == {
        "bad.crl": "revocation.malformed",
        "bad.pem": "revocation.malformed",
        "folder.crl": "revocation.unreadable",
    }


def test_more_files_than_are_looked_at_are_said(tmp_path: Path) -> None:
    for n in range(MOST + 2):
        (tmp_path / f"{n:03}.crl").write_bytes(b"bad")
    found = judge(tmp_path).lists.unfit()
    assert found[tmp_path / f"{MOST:03}.crl"].code == "revocation.too_many"
    assert len(found) == MOST + 1


def test_a_folder_that_is_absent_has_no_lists(tmp_path: Path) -> None:
    assert judge(tmp_path / "absent").lists.files() == {}


def test_where_lists_are_required_each_authority_needs_one_that_is_not_too_old(tmp_path: Path) -> None:
    here, both = judge(tmp_path, OURS, OTHER), [OURS.issued.certificate, OTHER.issued.certificate]
    (tmp_path / "ours.crl").write_bytes(OURS.crl(NOW))
    here.require_current(both[:1], NOW, WEEK)
    assert code(lambda: here.require_current(both, NOW, WEEK)) == "revocation.missing"
    (tmp_path / "other.crl").write_bytes(OTHER.crl(NOW - 2 * DAY))
    here.require_current(both, NOW, WEEK)
    assert code(lambda: here.require_current(both, NOW, DAY)) == "revocation.too_old"
    here.require_current(both, None, DAY)
    assert code(lambda: here.require_current(both, NOW - 9 * DAY, WEEK)) == "revocation.not_yet_valid"


def test_a_path_is_covered_by_lists_that_would_name_each_of_its_certificates(tmp_path: Path) -> None:
    here, path = judge(tmp_path), [DEEP, BELOW.issued.certificate, OURS.issued.certificate]
    only_authorities = x509.IssuingDistributionPoint(None, None, False, True, None, False, False)
    (tmp_path / "ours.crl").write_bytes(OURS.crl(NOW, extensions=[(only_authorities, True)]))
    assert code(lambda: here.require_covered(path, NOW, WEEK)) == "revocation.missing"
    (tmp_path / "below.crl").write_bytes(BELOW.crl(NOW))
    here.require_covered(path, NOW, WEEK)
    assert code(lambda: here.require_covered([LEAF, path[2]], NOW, WEEK)) == "revocation.missing"
    assert code(lambda: here.require_covered(path, NOW + 8 * DAY, WEEK)) == "revocation.too_old"


def test_a_transport_is_not_touched_while_lists_are_missing(gateway: MemoryGateway) -> None:
    def missing() -> None:
        raise RevocationError("revocation.missing", "none", "advice")

    guarded = Guarded(gateway, missing)
    for work in (lambda: guarded.status("s"), lambda: guarded.responses(0, 1)):
        with pytest.raises(TransportFault) as error:
            work()
        assert (error.value.code, error.value.certainty) == ("gateway.revocation_unknown", "not_sent")
    assert gateway.calls == []


# what is kept


def kept(folder: Path, data: bytes, at: dt.datetime | None = NOW) -> crl_fetch.Kept:
    return crl_fetch.keep(data, judge(folder, OURS, OTHER), at, WEEK)


def test_a_list_is_kept_once_and_exchanged_for_a_newer_one(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "here"
    first = kept(folder, OURS.crl(NOW - DAY, number=1))
    assert first.new
    assert not kept(folder, first.path.read_bytes()).new
    second = kept(folder, OURS.crl(NOW, ENTRY, number=2))
    assert second.path == first.path
    assert [path.name for path in folder.iterdir()] == [first.path.name]
    assert judge(folder).of(LEAF) is not None


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (OURS.crl(NOW - DAY, number=6), "revocation.older"),
        (OURS.crl(NOW, number=4), "revocation.older"),
        (Authority.new("SIMULATED TEST authority", NOW).crl(NOW, number=9), "revocation.untrusted"),
        (OURS.crl(NOW + 2 * SLACK, number=9), "revocation.not_yet_valid"),
        (OURS.crl(NOW - 8 * DAY, number=9), "revocation.too_old"),
        (b"<html>", "revocation.malformed"),
    ],
    ids=["earlier", "lower number", "signed by another", "of the future", "too old", "a portal's page"],
)
def test_what_is_older_or_badly_signed_never_takes_its_place(
    tmp_path: Path, data: bytes, wanted: str
) -> None:
    there = kept(tmp_path, OURS.crl(NOW, ENTRY, number=5)).path
    before = there.read_bytes()
    assert code(lambda: kept(tmp_path, data)) == wanted
    assert there.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [there.name]


def test_a_folder_made_by_an_administrator_belongs_to_the_group_that_shares_the_queue(tmp_path: Path) -> None:
    tmp_path.chmod(0o2770)
    made = kept(tmp_path / "crl", OURS.crl(NOW)).path.parent
    assert made.stat().st_mode & 0o7777 == 0o2770


def test_another_authority_s_list_never_takes_its_place(tmp_path: Path) -> None:
    ours, other = kept(tmp_path, OURS.crl(NOW)), kept(tmp_path, OTHER.crl(NOW, number=9))
    assert ours.path != other.path
    assert len(judge(tmp_path).lists.all()) == 2


def test_a_kept_file_that_was_damaged_is_exchanged(tmp_path: Path) -> None:
    there = kept(tmp_path, OURS.crl(NOW)).path
    there.write_bytes(b"damaged")
    assert kept(tmp_path, OURS.crl(NOW - DAY)).new


def test_on_a_clock_nobody_vouches_for_dates_are_not_judged(tmp_path: Path) -> None:
    assert kept(tmp_path, OURS.crl(NOW + 30 * DAY), at=None).new


def test_a_disk_that_is_full_is_said_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = kept(tmp_path, OURS.crl(NOW - DAY)).path
    before = there.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(crl_fetch.keypair, "write", full)
    assert code(lambda: kept(tmp_path, OURS.crl(NOW, number=2))) == "revocation.cannot_write"
    assert there.read_bytes() == before


# when


class Log:
    """What a Fetcher asked for, and what was said."""

    def __init__(self, *bad: str) -> None:
        self.asked: list[str] = []
        self.said: list[str] = []
        self.bad = set(bad)

    def get(self, url: str) -> bytes:
        self.asked.append(url)
        if url in self.bad:
            raise RevocationError("revocation.no_answer", url)
        return OURS.crl(NOW)


def test_each_address_is_asked_once_an_hour_one_in_a_pause_and_sooner_after_a_failure(
    tmp_path: Path, clock: FrozenClock
) -> None:
    log = Log("http://b")
    fetcher = crl_fetch.Fetcher(
        ["http://a", "http://b"], clock, lambda data: kept(tmp_path, data), log.get, log.said.append
    )
    for _ in range(4):
        fetcher.pause(away=False)
    assert log.asked == ["http://a", "http://b"]
    assert log.said[0].startswith("revocation list 1 of ")
    assert log.said[1] == "revocation.no_answer: http://b"
    clock.move(crl_fetch.AGAIN_S)
    fetcher.pause(away=False)
    fetcher.pause(away=False)
    assert log.asked[2:] == ["http://b"]
    clock.move(crl_fetch.EVERY_S)
    for _ in range(3):
        fetcher.pause(away=False)
    assert sorted(log.asked[3:]) == ["http://a", "http://b"]


def test_after_a_reconnect_each_address_is_asked_at_once(tmp_path: Path, clock: FrozenClock) -> None:
    log = Log()
    fetcher = crl_fetch.Fetcher(["http://a"], clock, lambda data: kept(tmp_path, data), log.get)
    for away in (False, True, True, False, False):
        fetcher.pause(away)
    assert log.asked == ["http://a", "http://a"]
