"""station.toml: what is wrong is named with its line; nothing wrong starts."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.errors import SettingsError
from station.settings import load_settings, parse_settings

GOOD = """\
[station]
id = "SIM-STATION-01"
ori = "ZZ0000000"
dai = "ZZSIMSIB0"
agency = "Simulated County Jail"

[reader]
driver = "fap60"
profile = "fap60-simulated"
address = "serial:/dev/ttyUSB0"
socket = "/run/livescan/capture.sock"

[booking]
database = "bookings.db"

[queue]
database = "/var/lib/livescan/queue.db"
station_key = "station.key"

[signing]
uri = "file:/etc/livescan/key.pem?cert=/etc/livescan/cert.pem"

[gateway]
kind = "simulated"
url = "https://localhost:8443"
ca = "ca.pem"
client_cert = "client.pem"
client_key = "client.key"
receipt_ca = "ca.pem"

[access]
officers = "officers.toml"
"""
PATH = Path("/etc/livescan/station.toml")


def test_good_settings_have_defaults_and_absolute_paths() -> None:
    settings = parse_settings(GOOD, PATH)
    assert settings.web.host == "127.0.0.1"
    assert settings.booking.database == Path("/etc/livescan/bookings.db")
    assert settings.queue.database == Path("/var/lib/livescan/queue.db")
    assert settings.booking.quality_threshold == 40


def test_settings_cannot_be_changed_after_the_start() -> None:
    with pytest.raises(AttributeError):
        parse_settings(GOOD, PATH).station.id = "OTHER"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("old", "new", "line", "word"),
    [
        ('driver = "fap60"', 'driver = "fap60"\nspeeed = 3', 9, "speeed"),
        ('ori = "ZZ0000000"', 'ori = "short"', 3, "ori"),
        ('url = "https://localhost:8443"', 'url = "http://localhost:8443"', 25, "url"),
        ('kind = "simulated"', 'kind = "pretend"', 24, "kind"),
        ('officers = "officers.toml"', 'officers = ""', 32, "path"),
        ('agency = "Simulated County Jail"', "", 1, "agency"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(old: str, new: str, line: int, word: str) -> None:
    with pytest.raises(SettingsError, match=word) as caught:
        parse_settings(GOOD.replace(old, new), PATH)
    assert caught.value.code == "settings.invalid"
    assert f"station.toml:{line}:" in caught.value.message


def test_an_unknown_section_is_refused() -> None:
    with pytest.raises(SettingsError, match="surprise"):
        parse_settings(GOOD + "\n[surprise]\nx = 1\n", PATH)


def test_a_web_address_off_the_loopback_is_refused() -> None:
    with pytest.raises(SettingsError, match="host"):
        parse_settings(GOOD + '\n[web]\nhost = "0.0.0.0"\n', PATH)


def test_broken_toml_is_a_syntax_error_with_its_line() -> None:
    with pytest.raises(SettingsError, match=r"station\.toml") as caught:
        parse_settings("[station", PATH)
    assert caught.value.code == "settings.syntax"


def test_a_missing_file_is_a_typed_error_with_the_environment_exit_code(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path / "none.toml")
    assert (caught.value.code, caught.value.exit_code) == ("settings.unreadable", 3)


def test_a_file_is_read_relative_to_itself(tmp_path: Path) -> None:
    (tmp_path / "station.toml").write_text(GOOD)
    assert load_settings(tmp_path / "station.toml").access.officers == tmp_path / "officers.toml"


@given(st.text(max_size=200))
def test_no_text_without_the_sections_starts(text: str) -> None:
    with pytest.raises(SettingsError):
        parse_settings(text, PATH)


@given(st.dictionaries(st.sampled_from(["station", "reader", "web", "gateway"]), st.integers() | st.text()))
def test_any_shape_is_settings_or_a_typed_error(tree: dict[str, object]) -> None:
    text = "\n".join(f"{key} = {msgspec.json.encode(value).decode()}" for key, value in tree.items())
    with pytest.raises(SettingsError):
        parse_settings(text, PATH)


REVOCATION = """
[revocation]
urls = ["http://pki.example/station.crl", "https://pki.example/gateway.crl"]
authorities = ["station-ca.pem"]
max_age_h = 24
required = true
"""


def test_revocation_lists_have_addresses_a_folder_and_an_age() -> None:
    assert parse_settings(GOOD, PATH).revocation is None
    found = parse_settings(GOOD + REVOCATION, PATH).revocation
    assert found is not None
    assert found.urls == ("http://pki.example/station.crl", "https://pki.example/gateway.crl")
    assert found.authorities == (Path("/etc/livescan/station-ca.pem"),)
    assert (found.folder, found.max_age_h, found.required) == (None, 24.0, True)
    bare = parse_settings(GOOD + "[revocation]\n", PATH).revocation
    assert bare is not None
    assert (bare.urls, bare.max_age_h, bare.required) == ((), 168.0, False)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('"http://pki.example/station.crl"', '"ldap://pki.example/station.crl"', "urls"),
        ("max_age_h = 24", "max_age_h = 0", "max_age_h"),
        ("required = true", 'required = "yes"', "required"),
        ("required = true", "requird = true", "requird"),
        ('["station-ca.pem"]', '[""]', "path"),
    ],
)
def test_what_is_wrong_with_revocation_is_named(old: str, new: str, word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        parse_settings(GOOD + REVOCATION.replace(old, new), PATH)
