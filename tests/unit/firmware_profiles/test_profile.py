"""Reader profiles: the shipped ones are right, and nothing unknown passes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles import profile as profiles
from firmware_profiles import udev
from firmware_profiles.profile import ProfileError, all_profiles, load, names, parse

TEXT = (profiles.FOLDER / "uru4500.toml").read_text()


def test_every_shipped_profile_is_read() -> None:
    assert [one.id for one in all_profiles()] == list(names())
    assert {"zfm20", "r503", "uru4500", "fap60-simulated"} <= set(names())


@pytest.mark.parametrize("name", names())
def test_no_profile_claims_a_certificate_for_our_driver(name: str) -> None:
    profile = load(name)
    assert profile.cert.scheme == "none"
    assert not profile.cert.covers_own_driver
    assert not profile.cert.valid_for_submission
    assert profile.simulated == (profile.vendor == "SIMULATED")


@pytest.mark.parametrize("name", names())
def test_only_a_simulated_reader_is_calibrated_without_a_target(name: str) -> None:
    profile = load(name)
    assert profile.ppi.calibrated == profile.simulated
    assert profile.calibration.required_before_booking != profile.simulated
    assert profile.ppi.nominal_source


def test_sizes_are_found_by_bytes_and_by_kind() -> None:
    zfm = load("zfm20")
    assert zfm.size_of_bytes(36864) == (256, 288)
    assert zfm.size_of_bytes(36863) is None
    fap60 = load("fap60-simulated")
    assert fap60.size_of_kind("slap") == (1600, 1500)
    assert fap60.size_of_kind("palm") is None


def test_a_profile_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        load("zfm20").driver = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("schema = 1", "schema = 2", "schema is 2"),
        ("schema = 1", "schema = 1\nshema = 1", "unknown field"),
        ("command_ms = 5000", "comand_ms = 5000", "unknown field|missing"),
        ("command_ms = 5000", 'command_ms = "5 s"', "int"),
        ('id = "uru4500"', 'id = "Uru 4500"', "lower case"),
        ('usb = ["05ba:000a"]', 'usb = ["05BA:000A"]', "05ba:000a"),
        ('usb = ["05ba:000a"]', "usb = []", "match.usb"),
        ('kind = "usb"', 'kind = "uart"', "baud_probe"),
        ("nominal = 512", "nominal = 0", "positive"),
        ('kinds = ["plain"]', "kinds = []", "kinds is empty"),
        ("sizes = [{ width = 384, height = 290, bytes = 111424 }]", "sizes = []", "sizes is empty"),
        ('scheme = "none"', 'scheme = "none"\nvalid_for_submission = true', "no certificate"),
        ("[power]", '[auth]\nkind = "aes-ecb"\nkey = "12"\n[power]', "32 hex digits"),
        ("rotate = 180", "rotate = 90", "Invalid enum value 90"),
        ("schema = 1", "schema = ", "Invalid|value"),
    ],
)
def test_a_wrong_profile_is_refused_by_name(old: str, new: str, why: str) -> None:
    assert old in TEXT
    with pytest.raises(ProfileError, match=why) as caught:
        parse(TEXT.replace(old, new), "x.toml")
    assert "x.toml" in caught.value.message
    assert caught.value.advice


@pytest.mark.parametrize("name", ["nosuch", "../secrets", "", "UPPER"])
def test_an_unknown_profile_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ProfileError) as caught:
        load(name)
    assert "zfm20" in caught.value.advice


def test_a_profile_in_the_wrong_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(profiles, "FOLDER", tmp_path)
    (tmp_path / "other_one.toml").write_text(TEXT)
    with pytest.raises(ProfileError, match="the file name says 'other-one'"):
        load("other-one")


@given(st.text(max_size=200))
def test_any_text_is_a_profile_or_refused(text: str) -> None:
    with pytest.raises(ProfileError):
        parse(text, "x.toml")


def test_usb_readers_get_a_group_stay_awake_and_are_no_modems() -> None:
    (line,) = [one for one in udev.rules().splitlines() if "05ba" in one and "000a" in one]
    assert 'ATTR{idProduct}=="000a"' in line
    assert 'GROUP="livescan-capture"' in line
    assert 'ATTR{power/control}="on"' in line
    assert 'ENV{ID_MM_DEVICE_IGNORE}="1"' in line


def test_serial_adapters_are_kept_from_the_modem_manager() -> None:
    lines = [one for one in udev.rules().splitlines() if 'SUBSYSTEM=="tty"' in one]
    assert len(lines) == len(udev.ADAPTERS)
    assert all('ENV{ID_MM_DEVICE_IGNORE}="1"' in one for one in lines)


def test_simulated_readers_get_no_rule_and_the_rules_do_not_change() -> None:
    assert udev.rules([load("fap60-simulated")]).splitlines() == [udev.HEADER.strip(), ""]
    assert udev.rules() == udev.rules()


def test_a_reader_may_sleep_and_be_a_modem_if_its_profile_says_so() -> None:
    import msgspec

    uru = load("uru4500")
    relaxed = msgspec.structs.replace(
        uru,
        power=msgspec.structs.replace(uru.power, autosuspend=True),
        udev=msgspec.structs.replace(uru.udev, ignore_modem=False),
    )
    text = udev.rules([relaxed])
    assert "power/control" not in text
    assert "ID_MM" not in text
