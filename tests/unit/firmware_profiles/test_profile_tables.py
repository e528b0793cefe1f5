"""What the shipped profiles say of each model, against a second table, and every limit of what a unit may be.

Sources: the manuals of ZFM-20 and R503, SparkFun's GT-511C3 header, Suprema's SFM sheets, libfprint 1.94.10 and
recordings for the USB readers, docs/readers/*.md.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from firmware_profiles import fit, udev
from firmware_profiles.profile import Firmware, Match, ProfileError, all_profiles, load, parse
from tests.unit.firmware_profiles.test_fit import certified
from tests.unit.firmware_profiles.test_profile import TEXT

# id, driver, USB ids or the first speed of its line, ppi as somebody claims it, bits of a pixel that travel,
# what turns the picture upright, sizes: pixels and bytes on the wire
MODELS = """
as608             zfm         57600                464  4  -            256x288=36864
r305              zfm         57600                464  4  -            256x288=36864
r304a             zfm         57600                508  4  -            208x288=29952
r503              zfm         57600                508  4  -            192x192=18432
zfm20             zfm         57600                464  4  -            256x288=36864,208x288=29952,192x192=18432
gt521             gt521       9600                 450  8  -            258x202=52116
gt511c3           gt521       9600                 450  8  -            258x202=52116
gt511c1r          gt521       9600                 450  8  -            240x216=51840
sfm-slim          sfm         115200               500  8  -            272x320=87040
nb1010            nb1010      298d:1010            385  8  -            256x180=46080
upek-area         upektc      147e:2016,147e:2020  381  8  -            192x270=51840,156x216=33696,186x270=50220
upek-strip        upektc      147e:2016,147e:2020  381  8  -            144x384=55296,108x384=41472
uru4500           uru4500     05ba:000a            512  8  invert,turn  384x290=111424
uru4000           uru4500     05ba:0007            512  8  invert       384x290=111424
uru4000-keyboard  uru4500     05ba:0008            512  8  invert       384x290=111424
ms-keyboard       uru4500     045e:00bb            512  8  invert       384x290=111424
ms-intellimouse   uru4500     045e:00bc            512  8  invert       384x290=111424
ms-reader         uru4500     045e:00bd            512  8  invert       384x290=111424
ms-reader-v2      uru4500     045e:00ca            512  8  invert       384x290=111424
libfprint         libfprint   -                    500  8  -            -
vendor-sdk        vendor_sdk  -                    500  8  -            -
fap60-simulated   fap60       921600               500  8  -            800x750=600000,500x1000=500000,1600x1500=2400000
"""
ROWS = [line.split() for line in MODELS.strip().splitlines()]


def test_the_table_has_every_shipped_profile() -> None:
    assert sorted(row[0] for row in ROWS) == [profile.id for profile in all_profiles()]


@pytest.mark.parametrize(
    ("name", "driver", "at", "ppi", "bits", "turned", "sizes"), ROWS, ids=[row[0] for row in ROWS]
)
def test_a_profile_says_what_is_known_of_its_model(
    name: str, driver: str, at: str, ppi: str, bits: str, turned: str, sizes: str
) -> None:
    profile = load(name)
    image, link = profile.image, profile.link
    assert (profile.driver, profile.ppi.nominal, image.bits) == (driver, int(ppi), int(bits))
    assert ("invert" in turned, "turn" in turned) == (image.invert, image.rotate == 180)
    if ":" in at:
        assert (link.kind, profile.match.usb) == ("usb", tuple(at.split(",")))
    elif at == "-":
        assert link.kind == "library"
    else:
        assert (link.kind, link.baud_default) == ("uart", int(at))
        assert link.baud_default in link.baud_probe
    found = [f"{one.width}x{one.height}={one.bytes}" for one in image.sizes]
    assert found == ([] if sizes == "-" else sizes.split(","))
    for one in image.sizes:
        raw = 384 if driver == "uru4500" else 0  # there the header's 64 bytes come before the lines
        assert one.bytes == one.width * one.height * image.bits // 8 + (64 if raw else 0)


def test_rolls_and_slaps_come_from_readers_made_for_them_only() -> None:
    kinds = {profile.id: set(profile.kinds) for profile in all_profiles()}
    everything = {name for name, own in kinds.items() if own == {"roll", "plain", "slap"}}
    assert everything == {"fap60-simulated", "vendor-sdk"}
    assert all(own == {"plain"} for name, own in kinds.items() if name not in everything)


def test_only_the_second_microsoft_reader_asks_a_challenge() -> None:
    asking = {profile.id for profile in all_profiles() if profile.auth.kind != "none"}
    assert asking == {"ms-reader-v2"}
    assert load("ms-reader-v2").auth.key == "79ac91795ca1478e98e00f3c598f5f4b"


def test_a_module_keeps_its_speed_or_is_brought_to_a_faster_one() -> None:
    for profile in all_profiles():
        if profile.driver in ("zfm", "sfm"):
            assert profile.link.baud_work == profile.link.baud_default
        if profile.driver == "gt521":
            assert (profile.link.baud_default, profile.link.baud_work) == (9600, 115200)
            assert sorted(profile.link.baud_probe) == [9600, 19200, 38400, 57600, 115200]
        if profile.driver == "zfm":  # N times 9600, N from 1 to 12
            assert sorted(profile.link.baud_probe) == [9600 * n for n in range(1, 13)]
        if profile.driver == "sfm":
            assert sorted(profile.link.baud_probe) == [9600 * n for n in (1, 2, 4, 6, 12, 24, 48, 96)]


# what a unit may be


@pytest.mark.parametrize(
    ("good", "ppis"), [(True, (495, 500, 505, 990, 1010)), (False, (494, 506, 989, 1011))]
)
def test_500_and_1000_ppi_are_so_within_a_hundredth(good: bool, ppis: tuple[int, ...]) -> None:
    wanted = () if good else ("ppi.not_500",)
    for ppi in ppis:
        assert fit.limits(certified(), model="Tenprint 60", firmware="3.1", ppi=ppi) == wanted
        assert fit.once_measured(("ppi.uncalibrated",), ppi) == wanted


def test_every_limit_has_its_words_and_there_are_six() -> None:
    assert list(fit.WORDS) == [
        "model.other", "firmware.bad", "firmware.unknown", "ppi.uncalibrated", "ppi.not_500", "certificate.not_ours",
    ]  # fmt: skip
    assert len(set(fit.WORDS.values())) == 6


def test_limits_are_told_in_one_order_and_measuring_takes_away_those_of_resolution() -> None:
    everything = tuple(fit.WORDS)
    assert fit.once_measured(everything, 500) == (
        "model.other", "firmware.bad", "firmware.unknown", "certificate.not_ours",
    )  # fmt: skip
    assert fit.once_measured(everything[::-1], 381) == (
        "model.other", "firmware.bad", "firmware.unknown", "ppi.not_500", "certificate.not_ours",
    )  # fmt: skip


# whether a unit has to be measured: the profile asks, the unit was, the profile says it is known
@pytest.mark.parametrize(
    ("asks", "measured", "known", "limited"),
    [
        (True, False, False, True),
        (True, True, False, False),
        (True, False, True, False),
        (False, False, False, False),
    ],
)
def test_a_unit_that_has_to_be_measured_is_limited_until_it_was(
    asks: bool, measured: bool, known: bool, limited: bool
) -> None:
    profile = certified()
    profile = msgspec.structs.replace(
        profile,
        calibration=msgspec.structs.replace(profile.calibration, required_before_booking=asks),
        ppi=msgspec.structs.replace(profile.ppi, calibrated=known),
    )
    limits = fit.limits(profile, model="Tenprint 60", firmware="3.1", ppi=500, calibrated=measured)
    assert ("ppi.uncalibrated" in limits) == limited


@pytest.mark.parametrize(("models", "limited"), [((), False), (("A",), True), (("A", "Tenprint 60"), False)])
def test_a_model_that_a_profile_does_not_name_is_limited_where_it_names_any(
    models: tuple[str, ...], limited: bool
) -> None:
    profile = msgspec.structs.replace(certified(), match=Match(models=models))
    limits = fit.limits(profile, model="Tenprint 60", firmware="3.1", ppi=500)
    assert ("model.other" in limits) == limited


@pytest.mark.parametrize(
    ("entry", "inside", "outside"),
    [
        ("1.2", "1.2", "1.20 1.1 1.3 1.2.0"),
        ("1.2..1.9", "1.2 1.5 1.9 1.2.1 1.8.7", "1.1 1.10 2.0 1.9.1"),
        ("a1..a9", "a1 A5 a9", "b1 a10"),
    ],
)
def test_a_range_of_firmware_has_both_its_ends(entry: str, inside: str, outside: str) -> None:
    known = Firmware(known_good=(entry,))
    assert {version: fit.firmware_is(known, version) for version in (inside + " " + outside).split()} == {
        **dict.fromkeys(inside.split(), "good"),
        **dict.fromkeys(outside.split(), "unknown"),
    }


# what a profile may not say


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("width = 384", "width = 0"),
        ("height = 290", "height = 0"),
        ("nominal = 512", "nominal = -1"),
        ("retries = 3", "retries = 3\nmore = 1"),
    ],
)
def test_a_size_or_resolution_of_nothing_is_refused(old: str, new: str) -> None:
    assert old in TEXT
    with pytest.raises(ProfileError):
        parse(TEXT.replace(old, new), "x.toml")


def test_what_a_profile_leaves_out_has_these_values() -> None:
    lines = (line for line in TEXT.splitlines() if not line.startswith("retries"))
    profile = parse("\n".join(lines), "x.toml")
    assert (profile.timeouts.retries, profile.timeouts.finger_s) == (2, 30.0)
    assert profile.link.address == 0xFFFFFFFF
    assert (profile.link.password, profile.link.packet_bytes) == (0, 0)
    assert (profile.match.bcd_min, profile.match.bcd_max) == (0, 0xFFFF)
    assert (profile.udev.group, profile.udev.ignore_modem) == ("livescan-capture", True)
    assert (profile.firmware.unknown, profile.ppi.calibrated) == ("warn", False)
    assert (profile.cert.covers_own_driver, profile.cert.valid_for_submission) == (False, False)


def test_a_certificates_key_has_32_digits() -> None:
    for digits, good in ((31, False), (32, True), (33, False)):
        text = TEXT.replace("[power]", f'[auth]\nkind = "aes-ecb"\nkey = "{"0" * digits}"\n[power]')
        if good:
            assert parse(text, "x.toml").auth.kind == "aes-ecb"
        else:
            with pytest.raises(ProfileError, match="32 hex digits"):
                parse(text, "x.toml")


def test_the_usual_adapters_are_those_of_usb_ids(repo: Path) -> None:
    known = {"0403:6001", "0403:6015", "067b:2303", "10c4:ea60", "1a86:7523"}
    assert {f"{vendor}:{product}" for vendor, product, _ in udev.ADAPTERS} == known
    rules = (repo / "systemd/99-livescan-readers.rules").read_text("utf-8")
    assert rules == udev.rules(), "write it anew: make udev"
