"""Both verifiers with revocation lists: what was signed too late, what saves it, what no list speaks of."""

from __future__ import annotations

import base64
import datetime as dt
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from offline_queue import canonical, cms
from offline_queue.signers import load_signer
from station.custody import bundle, command, revoked
from tests.conftest import FrozenClock
from tests.unit.custody.kit import VERIFIERS, Station
from tests.unit.offline_queue.revocation_kit import DAY, HOUR, KEY_LOST, World, make_world
from tests.unit.offline_queue.test_crl import GOOD, REFUSED

START = FrozenClock().utcnow()
LATER = START + DAY
NOBODY: dict[str, dt.datetime] = {}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("pki"), START)


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory, world: World) -> Iterator[Station]:
    made = Station(tmp_path_factory.mktemp("queue"), world.pki)
    yield made
    made.queue.close()


def lists(
    world: World, folder: Path, revoking: dict[str, dt.datetime], made: dt.datetime = LATER
) -> list[Path]:
    """A list of each authority, of a day after everything. revoking: certificate → since when."""
    written = []
    for name, authority in (("station", world.station), ("gateway", world.gateway)):
        entries = {
            world.issued[which].serial_number: (since, KEY_LOST)
            for which, since in revoking.items()
            if which.startswith(name)
        }
        written.append(folder / f"{name}.crl")
        written[-1].write_bytes(authority.crl(made, entries))
    return written


def both(station: Station, made: dict[str, Any], folder: Path, given: list[Path]) -> dict[str, Any]:
    """What the two say, once they say the same."""
    file = folder / "b.json"
    file.write_bytes(canonical.dumps(made))
    report, (other,) = station.python(made, *given), station.node(file, lists=given)
    assert report["revocation"] == other["revocation"]
    found = [
        one["first_broken"] and (one["first_broken"]["link"], one["first_broken"]["row"])
        for one in (report, other)
    ]
    assert found[0] == found[1]
    return report


def test_without_lists_both_say_that_revocation_was_not_looked_at(
    station: Station, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert both(station, station.bundle(), tmp_path, [])["revocation"] is None
    words = [str(tmp_path / "b.json"), "--ca", str(station.pki.station_ca)]
    assert command.main([*words, "--gateway-ca", str(station.pki.gateway_ca)]) == 0
    assert "revocation was not looked at" in capsys.readouterr().out


def test_lists_on_which_nobody_stands_are_said_to_cover_every_signature(
    station: Station, world: World, tmp_path: Path
) -> None:
    given = lists(world, tmp_path, NOBODY)
    report = both(station, station.bundle(), tmp_path, given)
    assert report["ok"]
    assert report["revocation"] == {"lists": 2, "revoked": [], "not_covered": []}


def test_a_list_that_is_older_than_a_signature_does_not_cover_it(
    station: Station, world: World, tmp_path: Path
) -> None:
    given = lists(world, tmp_path, NOBODY, START - HOUR)
    assert both(station, station.bundle(), tmp_path, given)["revocation"]["not_covered"] == [
        "manifest", "receipt", "response 1", "response 2", "seals",
    ]  # fmt: skip
    one = both(station, station.bundle(), tmp_path, lists(world, tmp_path, NOBODY)[:1])
    assert one["revocation"]["not_covered"] == ["receipt", "response 1", "response 2"]


@pytest.mark.parametrize(
    ("which", "link"),
    [("station_signing", "seal"), ("gateway_receipt", "receipt"), ("station_client", None)],
)
def test_what_was_signed_after_the_revocation_is_not_proven(
    station: Station, world: World, tmp_path: Path, which: str, link: str | None
) -> None:
    report = both(station, station.bundle(), tmp_path, lists(world, tmp_path, {which: START - HOUR}))
    assert (report["first_broken"] or {}).get("link") == link
    assert bool(report["revocation"]["revoked"]) is (link is not None)


@pytest.mark.parametrize("which", ["station_signing", "gateway_receipt"])
def test_what_was_signed_before_the_revocation_stays_proven(
    station: Station, world: World, tmp_path: Path, which: str
) -> None:
    report = both(station, station.bundle(), tmp_path, lists(world, tmp_path, {which: START + 12 * HOUR}))
    assert report["ok"]
    assert report["revocation"]["revoked"] == []


def test_a_list_by_another_authority_says_nothing(station: Station, world: World, tmp_path: Path) -> None:
    entries = {world.issued["station_signing"].serial_number: (START - HOUR, KEY_LOST)}
    forged = tmp_path / "forged.crl"
    forged.write_bytes(world.gateway.crl(LATER, entries))
    report = both(station, station.bundle(), tmp_path, [forged])
    assert report["ok"]
    assert set(report["revocation"]["not_covered"]) == {"manifest", "seals"}


def test_the_last_answers_may_be_the_first_that_came_too_late(
    station: Station, world: World, tmp_path: Path
) -> None:
    """The receipt was signed half an hour into the story; only what says it was signed then counts."""
    made = station.bundle()
    content = base64.b64decode(made["receipt"]["receipt"])
    signer = load_signer(world.pki.receipt_signing_uri)
    made["receipt"]["signature"] = text(cms.sign_detached(content, signer, START + 3 * HOUR))
    report = both(station, made, tmp_path, lists(world, tmp_path, {"gateway_receipt": START + 2 * HOUR}))
    assert report["first_broken"]["link"] == "receipt", "its signing time is later than the time in it"


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture
def renewed(tmp_path: Path) -> Iterator[tuple[Station, World, list[Path]]]:
    """A station whose certificate was revoked before its third booking, and which has a new one since."""
    world = make_world(tmp_path / "pki", START)
    station = Station(tmp_path, world.pki)
    old = world.issued["station_signing"].serial_number
    world.put("station_signing", world.station, "signing")
    station.signer = load_signer(world.pki.signing_uri)
    enqueued = station.queue.entry("sub-3").created_at
    path = tmp_path / "station.crl"
    path.write_bytes(world.station.crl(LATER, {old: (enqueued, KEY_LOST)}))
    yield station, world, [path]
    station.queue.close()


def test_a_manifest_that_was_signed_too_late_is_proven_by_a_later_counter_signature_only(
    renewed: tuple[Station, World, list[Path]], tmp_path: Path
) -> None:
    station, _, given = renewed
    made = station.bundle("sub-3", whole=True)
    report = both(station, made, tmp_path, given)
    assert report["first_broken"]["link"] == "manifest"
    assert {one["signature"] for one in report["revocation"]["revoked"]} == {"seals", "manifest"}
    counter = {"n": 1, "signed_at": "2026-03-02T11:00:00.000Z", "reason": "certificate"}
    made["counter_signatures"] = [
        counter | {"signature": text(station.sign(base64.b64decode(made["signature"])))}
    ]
    report = both(station, made, tmp_path, given)
    assert report["first_broken"] is None
    assert {one["signature"] for one in report["revocation"]["revoked"]} == {"seals", "manifest"}, (
        "it is said all the same"
    )


def test_a_counter_signature_that_came_too_late_itself_vouches_for_nothing(
    renewed: tuple[Station, World, list[Path]], tmp_path: Path
) -> None:
    station, world, given = renewed
    made = station.bundle("sub-3", whole=True)
    counter = {"n": 1, "signed_at": "2026-03-02T11:00:00.000Z", "reason": "certificate"}
    made["counter_signatures"] = [
        counter | {"signature": text(station.sign(base64.b64decode(made["signature"])))}
    ]
    entries = dict(revoked.read(given[0].read_bytes()).entries)
    entries[world.issued["station_signing"].serial_number] = dt.datetime(2026, 3, 2, 11, 0, tzinfo=dt.UTC)
    given[0].write_bytes(world.station.crl(LATER, {n: (since, KEY_LOST) for n, since in entries.items()}))
    assert both(station, made, tmp_path, given)["first_broken"]["link"] == "manifest"


def test_heads_that_were_signed_too_late_count_as_absent(
    renewed: tuple[Station, World, list[Path]], tmp_path: Path
) -> None:
    station, _, given = renewed
    made = station.bundle("sub-3", whole=True)
    assert both(station, made, tmp_path, given)["first_broken"]["link"] == "manifest", (
        "the new head signs for the chain"
    )
    made["seals"].pop()
    assert both(station, made, tmp_path, given)["first_broken"]["link"] == "seal"


def node(*words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("node")
    if program is None:
        pytest.skip("node is not installed (Debian: nodejs): the second verifier is not run")
    command_line = [program, str(VERIFIERS / "verify.mjs"), *words]
    return subprocess.run(command_line, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("name", REFUSED)
def test_a_list_that_cannot_be_used_ends_both_programs_with_3(
    station: Station, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = tmp_path / "list.crl"
    path.write_bytes(REFUSED[name][0])
    words = ["b.json", "--ca", str(station.pki.station_ca), "--gateway-ca", str(station.pki.gateway_ca)]
    assert command.main([*words, "--crl", str(path)]) == 3
    assert "the revocation list" in capsys.readouterr().err
    done = node(*words, "--crl", str(path))
    assert (done.returncode, done.stdout) == (3, "")
    assert "the revocation list" in done.stderr


def test_both_programs_print_what_the_lists_say(
    station: Station, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle.write(station.queue, station.queue.entry("sub-2"), tmp_path / "b.json", station.signer)
    given = lists(world, tmp_path, NOBODY)
    pem = x509.load_der_x509_crl(given[0].read_bytes()).public_bytes(Encoding.PEM)
    given[0].write_bytes(pem)
    words = [str(tmp_path / "b.json"), "--ca", str(station.pki.station_ca)]
    words += ["--gateway-ca", str(station.pki.gateway_ca), "--crl", str(given[0])]
    for more, wanted in (
        ([], "no list speaks of: receipt, response 1, response 2"),
        (["--crl", str(given[1])], "nothing was signed after its certificate was revoked (2 lists)"),
    ):
        assert command.main([*words, *more]) == 0
        assert wanted in capsys.readouterr().out
        assert wanted in node(*words, *more).stdout


@given(data=st.binary(max_size=300))
def test_bytes_that_are_no_list_are_refused(data: bytes) -> None:
    with pytest.raises(revoked.Unusable):
        revoked.read(data)


@given(at=st.integers(0, len(GOOD) - 1), flip=st.integers(1, 255))
def test_a_damaged_list_is_refused_or_read_and_never_another_exception(at: int, flip: int) -> None:
    data = bytearray(GOOD)
    data[at] ^= flip
    try:
        found = revoked.read(bytes(data))
    except revoked.Unusable:
        return
    assert found.date.tzinfo is not None
