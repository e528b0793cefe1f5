"""What a unit that does not fit its profile may still do, and what `profile check` finds."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles import check, fit
from firmware_profiles.profile import BadFirmware, Firmware, Profile, ProfileError, load, parse

CERTIFIED = """
[cert]
scheme = "AppF"
fap = 60
source = "the public list, with its date"
covers_own_driver = false
valid_for_submission = true
[match]
models = ["Tenprint 60"]
[firmware]
known_good = ["2.0..2.9", "3.1"]
known_bad = [{ version = "2.5", effect = "rolls lose lines", source = "the vendor's notice" }]
"""
VENDOR = (check.FOLDER / "vendor_sdk.toml").read_text()


def certified() -> Profile:
    base = VENDOR[: VENDOR.index("[cert]")] + VENDOR[VENDOR.index("[power]") :]
    text = base.replace("required_before_booking = true", "required_before_booking = false") + CERTIFIED
    return parse(text, "x.toml")


def test_a_unit_that_is_what_its_profile_says_has_no_limits() -> None:
    assert fit.limits(certified(), model="Tenprint 60", firmware="3.1", ppi=500) == ()
    assert fit.limits(certified(), model="Tenprint 60", firmware="2.1", ppi=1003) == ()


@pytest.mark.parametrize(
    ("changes", "limit"),
    [
        ({"model": "Tenprint 50"}, "model.other"),
        ({"firmware": "2.5"}, "firmware.bad"),
        ({"firmware": "3.2"}, "firmware.unknown"),
        ({"firmware": ""}, "firmware.unknown"),
        ({"ppi": 381}, "ppi.not_500"),
        ({"ppi": 494}, "ppi.not_500"),
    ],
)
def test_each_difference_is_a_limit(changes: dict[str, object], limit: str) -> None:
    answered = {"model": "Tenprint 60", "firmware": "3.1", "ppi": 500, **changes}
    assert fit.limits(certified(), **answered) == (limit,)  # type: ignore[arg-type]


def test_a_unit_that_was_not_measured_is_limited_until_it_is() -> None:
    found = fit.limits(load("uru4500"), model="x", firmware="0010.0115", ppi=512)
    assert found == ("ppi.uncalibrated", "ppi.not_500")
    assert fit.once_measured(found, 502) == ()
    assert fit.once_measured((*found, "firmware.bad"), 381) == ("firmware.bad", "ppi.not_500")


def test_a_certificate_that_does_not_cover_our_software_is_a_limit() -> None:
    profile = certified()
    own = msgspec.structs.replace(
        profile, cert=msgspec.structs.replace(profile.cert, valid_for_submission=False)
    )
    assert fit.limits(own, model="Tenprint 60", firmware="3.1", ppi=500) == ("certificate.not_ours",)


def test_an_accepted_unknown_firmware_is_no_limit() -> None:
    profile = load("zfm20")
    open_to_all = msgspec.structs.replace(profile, firmware=Firmware(unknown="accept"))
    assert "firmware.unknown" in fit.limits(profile, model="x", firmware="1", ppi=500)
    assert "firmware.unknown" not in fit.limits(open_to_all, model="x", firmware="1", ppi=500)


def test_bad_wins_over_good_and_says_what_happens() -> None:
    known = Firmware(known_good=("1.0..1.9",), known_bad=(BadFirmware("1.5", "half images", "us"),))
    assert [fit.firmware_is(known, v) for v in ("1.4", "1.5", "1.10", "2.0")] == [
        "good",
        "bad",
        "unknown",
        "unknown",
    ]
    assert fit.known_effect(known, "1.5") == "half images (us)"
    assert fit.known_effect(known, "1.4") == ""


@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=4),
    st.lists(st.integers(0, 300), min_size=1, max_size=4),
)
def test_versions_are_ordered_as_numbers(a: list[int], b: list[int]) -> None:
    one, two = (".".join(map(str, numbers)) for numbers in (a, b))
    assert (fit.version_key(one) < fit.version_key(two)) == (a < b)


def test_unit_and_library_are_ranges_of_their_own() -> None:
    told = [fit.covers("2.0/1.4..2.9/1.4", v) for v in ("2.3/1.4", "2.3/1.5", "2.9/1.3", "2.3", "2.3/1.4/1")]
    assert told == [True, False, False, False, False]


@given(st.text(), st.text())
def test_any_entry_and_any_version_can_be_compared(entry: str, version: str) -> None:
    assert fit.covers(entry, version) in (True, False)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("fap = 60\n", "", "cert.fap"),
        ('models = ["Tenprint 60"]', "models = []", "match.models"),
        ('known_good = ["2.0..2.9", "3.1"]', "", "known_good"),
        ("[firmware]", '[firmware]\nunknown = "accept"', "unknown firmware"),
        ('kind = "library"', 'kind = "uart"\nbaud_probe = [9600]', "vendor's software"),
    ],
)
def test_a_certificate_that_is_not_pinned_down_is_refused(old: str, new: str, why: str) -> None:
    text = VENDOR[: VENDOR.index("[cert]")] + VENDOR[VENDOR.index("[power]") :] + CERTIFIED
    assert old in text
    with pytest.raises(ProfileError, match=why):
        parse(text.replace(old, new), "x.toml")


def test_every_shipped_profile_passes_the_check_and_none_is_for_production() -> None:
    for path in check.shipped():
        assert check.check(path) == []
        assert check.remarks(path)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("schema = 1", "schema = 1\ncolour = 1", "unknown field"),
        ('id = "vendor-sdk"', 'id = "other"', "is to be called other.toml"),
        ("[power]", '[firmware]\nknown_good = ["2.0..1.0"]\n[power]', "ends before it begins"),
        ("[power]", '[firmware]\nknown_good = ["2.0.."]\n[power]', "has no end"),
        ("[power]", '[firmware]\nknown_good = ["2"]\nknown_bad = [{version="1..3", effect="e", source="s"}]\n[power]',
         "good and bad"),
        ('driver = "vendor_sdk"', 'driver = "nobody"', "none of"),
        ("size_from_device = true\nsizes = []",
         'sizes = [{kind="roll", width=1, height=1}, {kind="roll", width=2, height=1}]', "no size for plain"),
        ("size_from_device = true\nsizes = []",
         'sizes = [{kind="roll", width=1, height=1}, {kind="roll", width=2, height=1}]', "two sizes"),
    ],
)  # fmt: skip
def test_the_check_names_the_mistake(tmp_path: Path, old: str, new: str, why: str) -> None:
    path = tmp_path / "vendor_sdk.toml"
    assert old in VENDOR
    path.write_text(VENDOR.replace(old, new))
    found = check.check(path, {"vendor_sdk"})
    assert any(why in words for words in found)
    assert all(words.startswith("vendor_sdk.toml") for words in found)


def test_a_file_that_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    assert "cannot be read" in check.check(tmp_path / "absent.toml")[0]
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    assert "cannot be read" in check.check(tmp_path / "x.toml")[0]


def test_a_certified_profile_has_fewer_remarks(tmp_path: Path) -> None:
    path = tmp_path / "vendor_sdk.toml"
    path.write_text(VENDOR[: VENDOR.index("[cert]")] + VENDOR[VENDOR.index("[power]") :] + CERTIFIED)
    assert check.check(path, {"vendor_sdk"}) == []
    assert check.remarks(path) == ["each unit has to be calibrated"]
    path.write_text(path.read_text().replace("valid_for_submission = true", ""))
    assert "does not cover this software" in check.remarks(path)[0]
