"""Who may come in, and how often one may be wrong."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib

import pytest

from station.access import (
    Access,
    AccessError,
    FailedTries,
    Officer,
    Role,
    check_pin,
    hash_pin,
    load_officers,
)
from station.errors import SettingsError
from tests.unit.kiosk.fakes import PINS, FakeClock


@pytest.fixture
def clock():
    return FakeClock()


def officers():
    return {
        "avery": (Officer("avery", "Avery", Role.OFFICER), PINS["avery"]),
        "morgan": (Officer("morgan", "Morgan", Role.SUPERVISOR), PINS["morgan"]),
    }


@pytest.fixture
def access(tmp_path, clock):
    made = Access(officers(), FailedTries(tmp_path / "tries.db"), clock)
    yield made
    made.close()


def test_the_right_pin_opens_the_door(access):
    assert access.sign_in("avery", "2468").role is Role.OFFICER


def test_a_pin_hash_is_salted_and_checks_only_its_own_pin():
    first, second = hash_pin("13579"), hash_pin("13579")
    assert first != second
    assert check_pin("13579", first)
    assert not check_pin("13578", first)


def test_a_pin_has_at_least_four_characters():
    with pytest.raises(AccessError, match=r"access.pin_short.*at least 4"):
        hash_pin("123")
    assert hash_pin("1234")


def test_a_hash_is_scrypt_as_rfc_7914_defines_it():
    # RFC 7914, section 12: P "pleaseletmein", S "SodiumChloride", N 16384, r 8, p 1.
    digest = bytes.fromhex(
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
        "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
    )
    salt = base64.b64encode(b"SodiumChloride").decode()
    whole, half = (base64.b64encode(part).decode() for part in (digest, digest[:32]))
    assert check_pin("pleaseletmein", f"scrypt$16384$8$1${salt}${whole}")
    assert not check_pin("pleaseletmeout", f"scrypt$16384$8$1${salt}${whole}")
    # PBKDF2 makes the bytes block by block, so a shorter key is the beginning of a longer one.
    assert hash_pin("pleaseletmein", b"SodiumChloride") == f"scrypt$16384$8$1${salt}${half}"


def test_a_hash_has_16_bytes_of_salt():
    assert len(base64.b64decode(hash_pin("1234").split("$")[4])) == 16


def fail(access, clock, who, times, every_s=0):
    """Wrong PINs, each refused and none throttled."""
    for _ in range(times):
        with pytest.raises(AccessError, match=r"access.refused"):
            access.sign_in(who, "0000")
        clock.forward(every_s)


@pytest.mark.parametrize("who", ["avery", "nobody"])
def test_five_failed_tries_close_the_door_until_the_window_has_passed(access, clock, who):
    fail(access, clock, who, 5)
    with pytest.raises(AccessError) as caught:
        access.sign_in(who, "2468")
    assert caught.value.code == "access.throttled"
    assert "15 min" in caught.value.advice
    clock.forward(15 * 60 + 1)
    if who == "avery":
        assert access.sign_in("avery", "2468").id == "avery"


@pytest.mark.parametrize(
    ("passed_s", "told"),
    [
        (0, "wait 15 min"),
        (1, "wait 15 min"),
        (60, "wait 14 min"),
        (9 * 60 + 30, "wait 6 min"),
        (899, "wait 1 min"),
    ],
)
def test_the_wait_that_is_told_is_never_shorter_than_the_real_one(access, clock, passed_s, told):
    for _ in range(5):
        with pytest.raises(AccessError):
            access.sign_in("avery", "0000")
    clock.forward(passed_s)
    with pytest.raises(AccessError) as caught:
        access.sign_in("avery", "2468")
    assert caught.value.advice.startswith(told + ",")


def test_the_window_ends_with_its_last_second(access, clock):
    for _ in range(5):
        with pytest.raises(AccessError):
            access.sign_in("avery", "0000")
    clock.forward(15 * 60 - 1)
    with pytest.raises(AccessError, match=r"access.throttled"):
        access.sign_in("avery", "2468")
    clock.forward(1)
    assert access.sign_in("avery", "2468").id == "avery"


def test_a_pin_hash_is_one_that_any_scrypt_makes():
    """RFC 7914: N 16384, r 8, p 1, 32 bytes of hash, 16 of salt; checked with the standard library alone."""
    name, n, r, p, salt, digest = hash_pin("1357").split("$")
    assert (name, n, r, p) == ("scrypt", "16384", "8", "1")
    raw, salt_bytes = base64.b64decode(digest), base64.b64decode(salt)
    assert (len(raw), len(salt_bytes)) == (32, 16)
    assert hashlib.scrypt(b"1357", salt=salt_bytes, n=16384, r=8, p=1, dklen=32, maxmem=2**26) == raw
    assert hash_pin("1357", salt_bytes).endswith(digest)


def test_the_door_opens_when_the_first_of_five_failures_is_15_minutes_old(access, clock):
    fail(access, clock, "avery", 5, every_s=60)  # now it is minute 5 after the first
    for left, words in ((10, "10 min"), (1, "1 min")):
        with pytest.raises(AccessError, match=r"access.throttled") as caught:
            access.sign_in("avery", "2468")
        assert caught.value.advice.startswith(f"wait {words}")
        clock.forward((left - 1) * 60 if left > 1 else 59)
    with pytest.raises(AccessError, match=r"access.throttled.*") as caught:
        access.sign_in("avery", "2468")  # one second is left
    assert caught.value.advice.startswith("wait 1 min")
    clock.forward(1)
    fail(access, clock, "avery", 1)  # the other four still count
    with pytest.raises(AccessError, match=r"access.throttled"):
        access.sign_in("avery", "2468")


def test_tries_while_the_door_is_closed_do_not_keep_it_closed(access, clock):
    fail(access, clock, "avery", 5)
    for _ in range(14):
        clock.forward(60)
        with pytest.raises(AccessError, match=r"access.throttled"):
            access.sign_in("avery", "0000")
    clock.forward(60)
    assert access.sign_in("avery", "2468").id == "avery"


def test_a_try_is_on_disk_before_its_pin_is_checked(access, clock, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "station.access.check_pin",
        lambda *_: seen.append(access._tries.recent("avery", clock.utcnow())) or False,
    )
    fail(access, clock, "avery", 1)
    assert seen == [[clock.utcnow().timestamp()]]


def test_failures_are_kept_for_the_window_and_no_longer(tmp_path, clock):
    tries = FailedTries(tmp_path / "tries.db")
    began = clock.utcnow()
    tries.add("a", began)
    tries.add("b", began + dt.timedelta(minutes=15))
    assert tries.recent("a", began + dt.timedelta(minutes=15, microseconds=-1)) == [began.timestamp()]
    assert tries.recent("a", began + dt.timedelta(minutes=15)) == []
    rows = "SELECT who FROM failed ORDER BY at"
    assert tries._base.execute(rows).fetchall() == [("a",), ("b",)]
    tries.add("b", began + dt.timedelta(minutes=15, seconds=1))
    assert tries._base.execute(rows).fetchall() == [("b",), ("b",)]
    tries.close()


def test_failed_tries_survive_a_power_cut_as_soon_as_they_are_counted(tmp_path):
    tries = FailedTries(tmp_path / "tries.db")
    assert tries._base.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert tries._base.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    tries.close()


def test_names_that_are_not_in_the_file_share_one_count(access, clock):
    for n in range(5):
        fail(access, clock, f"nobody{n}", 1)
    with pytest.raises(AccessError, match=r"access.throttled"):
        access.sign_in("somebody", "0000")
    assert access.sign_in("avery", "2468").id == "avery"


def test_a_name_that_is_not_in_the_file_costs_a_check_of_a_pin(access, clock, monkeypatch):
    checked = []
    monkeypatch.setattr("station.access.check_pin", lambda pin, line: checked.append(line) or True)
    fail(access, clock, "nobody", 1)  # even a PIN that agreed with the decoy opens nothing
    assert checked[0].startswith("scrypt$16384$8$1$")


def test_failed_tries_are_remembered_over_a_restart(tmp_path, clock):
    for _ in range(5):
        access = Access(officers(), FailedTries(tmp_path / "tries.db"), clock)
        with pytest.raises(AccessError, match=r"access.refused"):
            access.sign_in("avery", "0000")
        access.close()
    access = Access(officers(), FailedTries(tmp_path / "tries.db"), clock)
    with pytest.raises(AccessError, match=r"access.throttled"):
        access.sign_in("avery", "2468")
    access.close()


def test_success_forgets_the_failures_before_it(access):
    for _ in range(2):
        for _ in range(4):
            with pytest.raises(AccessError, match=r"access.refused"):
                access.sign_in("avery", "0000")
        access.sign_in("avery", "2468")


def test_one_officers_failures_do_not_close_anothers_door(access):
    for _ in range(5):
        with pytest.raises(AccessError):
            access.sign_in("avery", "0000")
    assert access.sign_in("morgan", "8642").id == "morgan"


def test_the_second_person_is_another_and_a_supervisor(access):
    assert access.second_person("avery", "morgan", "8642").id == "morgan"
    for first, second, pin, code in (
        ("morgan", "morgan", "8642", "access.same_person"),
        ("morgan", "avery", "2468", "access.role"),
        ("avery", "morgan", "0000", "access.second_refused"),
    ):
        with pytest.raises(AccessError, match=code):
            access.second_person(first, second, pin)


def test_a_throttled_second_person_is_told_so(access):
    for _ in range(5):
        with pytest.raises(AccessError, match=r"access.second_refused"):
            access.second_person("avery", "morgan", "0000")
    with pytest.raises(AccessError, match=r"access.throttled"):
        access.second_person("avery", "morgan", "8642")


def test_officers_are_read_from_their_file(tmp_path, clock):
    path = tmp_path / "officers.toml"
    path.write_text(f'[[officer]]\nid = "avery"\npin = "{PINS["avery"]}"\nrole = "supervisor"\n')
    access = Access.load(path, tmp_path / "tries.db", clock)
    assert access.sign_in("avery", "2468") == Officer("avery", "avery", Role.SUPERVISOR)
    access.close()


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("a", False),
        ("ab", True),
        ("a" * 30, True),
        ("a" * 31, False),
        ("a.b_c-9", True),
        ("a b", False),
        ("é2", False),
    ],
)
def test_an_officers_id_has_2_to_30_small_letters_digits_and_marks(tmp_path, name, good):
    path = tmp_path / "officers.toml"
    path.write_text(f'[[officer]]\nid = "{name}"\npin = "{PINS["avery"]}"\n', "utf-8")
    if good:
        assert load_officers(path)[name][0] == Officer(name, name, Role.OFFICER)
    else:
        with pytest.raises(SettingsError):
            load_officers(path)


@pytest.mark.parametrize(
    "text",
    [
        "officer = 1",
        f'[[officer]]\nid = "avery"\npin = "{PINS["avery"]}"\nshoe = 1\n',
        f'shoe = 1\n[[officer]]\nid = "avery"\npin = "{PINS["avery"]}"\n',
        "[[officer",
        '[[officer]]\nid = "avery"\npin = "2468"\n',
        f'[[officer]]\nid = "Avery X"\npin = "{PINS["avery"]}"\n',
        f'[[officer]]\nid = "avery"\npin = "{PINS["avery"]}"\nrole = "king"\n',
        f'[[officer]]\nid = "avery"\npin = "{PINS["avery"]}"\n' * 2,
        None,
    ],
)
def test_a_file_of_officers_that_is_wrong_stops_the_start(tmp_path, text):
    path = tmp_path / "officers.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingsError, match=r"settings\.officers: .*officers\.toml"):
        load_officers(path)
