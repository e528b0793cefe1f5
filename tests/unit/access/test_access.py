"""Who may come in, and how often one may be wrong."""

from __future__ import annotations

import base64
import hashlib

import pytest

from station.access import (
    MAX_TRIES,
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


def test_a_short_pin_is_not_hashed():
    with pytest.raises(AccessError, match=r"access.pin_short"):
        hash_pin("123")


@pytest.mark.parametrize("who", ["avery", "nobody"])
def test_five_failed_tries_close_the_door_until_the_window_has_passed(access, clock, who):
    for _ in range(MAX_TRIES):
        with pytest.raises(AccessError, match=r"access.refused"):
            access.sign_in(who, "0000")
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
    for _ in range(MAX_TRIES):
        with pytest.raises(AccessError):
            access.sign_in("avery", "0000")
    clock.forward(passed_s)
    with pytest.raises(AccessError) as caught:
        access.sign_in("avery", "2468")
    assert caught.value.advice.startswith(told + ",")


def test_the_window_ends_with_its_last_second(access, clock):
    for _ in range(MAX_TRIES):
        with pytest.raises(AccessError):
            access.sign_in("avery", "0000")
    clock.forward(15 * 60 - 1)
    with pytest.raises(AccessError, match=r"access.throttled"):
        access.sign_in("avery", "2468")
    clock.forward(1)
    assert access.sign_in("avery", "2468").id == "avery"


def test_the_oldest_of_the_last_five_tries_decides_how_long(access, clock):
    for _ in range(MAX_TRIES):
        with pytest.raises(AccessError):
            access.sign_in("avery", "0000")
        clock.forward(60)
    with pytest.raises(AccessError) as caught:
        access.sign_in("avery", "2468")
    assert caught.value.advice.startswith("wait 10 min,")


def test_a_pin_hash_is_one_that_any_scrypt_makes():
    """RFC 7914: N 16384, r 8, p 1, 32 bytes of hash, 16 of salt; checked with the standard library alone."""
    name, n, r, p, salt, digest = hash_pin("1357").split("$")
    assert (name, n, r, p) == ("scrypt", "16384", "8", "1")
    raw, salt_bytes = base64.b64decode(digest), base64.b64decode(salt)
    assert (len(raw), len(salt_bytes)) == (32, 16)
    assert hashlib.scrypt(b"1357", salt=salt_bytes, n=16384, r=8, p=1, dklen=32, maxmem=2**26) == raw
    assert hash_pin("1357", salt_bytes).endswith(digest)


def test_failed_tries_are_remembered_over_a_restart(tmp_path, clock):
    for _ in range(MAX_TRIES):
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
        for _ in range(MAX_TRIES - 1):
            with pytest.raises(AccessError, match=r"access.refused"):
                access.sign_in("avery", "0000")
        access.sign_in("avery", "2468")


def test_one_officers_failures_do_not_close_anothers_door(access):
    for _ in range(MAX_TRIES):
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
    for _ in range(MAX_TRIES):
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
    "text",
    [
        "officer = 1",
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
