"""Revocation from `station.toml` on: sync fetches and holds, `keys crl`, doctor and the status bar tell."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import pytest

from offline_queue.errors import RevocationError, SignerError
from offline_queue.models import Submission
from offline_queue.signers import load_signer
from offline_queue.store import Queue
from offline_queue.sync import Sync
from offline_queue.trust import Sync as Said
from station import revocation, settings
from station.__main__ import main
from station.cli import sync as sync_cli
from station.doctor.check import Check, Status
from station.doctor.revocation import check_revocation
from station.kiosk.papers import Papers
from station.settings import Settings, load_settings
from station.sim.gateway import running_gateway
from tests.conftest import FrozenClock
from tests.unit.offline_queue.revocation_kit import DAY, HOUR, NOW, World, make_world, serving
from tests.unit.offline_queue.test_cli import SETTINGS
from tests.unit.sim.gateway_kit import HEADER, transaction


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def config(world: World, url: str = "https://localhost:1", **values: object) -> Path:
    """A station.toml with [revocation]; its folder of lists is `crl` beside the queue."""
    pki = world.pki
    text = SETTINGS.format(
        vault=pki.station_vault_key,
        uri=pki.signing_uri,
        url=url,
        ca=pki.gateway_ca,
        cert=pki.station_client_cert,
        key=pki.station_client_key,
        receipt_ca=pki.gateway_ca,
    )
    said = "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
    path = world.folder / "station.toml"
    path.write_text(f"{text}\n[revocation]\n{said}")
    return path


def both_lists(world: World, made: dt.datetime = NOW) -> None:
    folder = world.folder / "crl"
    folder.mkdir(exist_ok=True)
    (folder / "station.crl").write_bytes(world.station.crl(made))
    (folder / "gateway.crl").write_bytes(world.gateway.crl(made))


@contextmanager
def built(path: Path, clock: FrozenClock) -> Iterator[tuple[Queue, Sync]]:
    with ExitStack() as stack:
        yield sync_cli.build(sync_cli.Parts.of(load_settings(path)), clock, stack)


def enqueue(queue: Queue, world: World) -> None:
    content = transaction("SIM-2026-000001")
    queue.enqueue(
        Submission("s-1", "SIM-2026-000001", "CAR", HEADER.ori, content), load_signer(world.pki.signing_uri)
    )


def run(sync: Sync, ticks: int) -> None:
    """The loop of the process, for so many waits."""
    left = iter(range(2 * ticks))
    sync.run(lambda: next(left, None) is None, lambda: None)


def test_where_lists_are_required_nothing_leaves_until_sync_has_fetched_them(
    world: World, tmp_path: Path
) -> None:
    clock = FrozenClock(NOW)
    lists = (world.station.crl(NOW), world.gateway.crl(NOW))
    with (
        running_gateway(world.pki, tmp_path / "gateway", clock=clock) as gateway,
        serving(200, lists[0]) as ours,
        serving(200, lists[1]) as theirs,
        built(config(world, gateway.url, urls=[ours, theirs], required=True), clock) as (queue, sync),
    ):
        enqueue(queue, world)
        report = sync.step()
        assert report.fault is not None
        assert report.fault.code == "gateway.revocation_unknown"
        entry = queue.entry("s-1")
        assert (entry.state, gateway.submissions()) == ("ready", ())
        assert "revocation.missing" in (entry.last_error or "")
        run(sync, 40)
        assert len(list((tmp_path / "crl").iterdir())) == 2
        assert queue.entry("s-1").state in ("custody", "answered")
        assert len(gateway.submissions()) == 1


def test_lists_that_are_too_old_hold_only_where_they_are_required(world: World, tmp_path: Path) -> None:
    clock = FrozenClock(NOW)
    both_lists(world, NOW - 3 * DAY)
    with running_gateway(world.pki, tmp_path / "gateway", clock=clock) as gateway:
        with built(config(world, gateway.url, required=True, max_age_h=48), clock) as (queue, sync):
            enqueue(queue, world)
            sync.step()
            assert "revocation.too_old" in (queue.entry("s-1").last_error or "")
            queue.database.time_source = lambda: Said.NEVER
            clock.move(120)
            assert sync.step().accepted == 1, "on a clock nobody vouches for dates are not judged"
        with built(config(world, gateway.url, required=False, max_age_h=48), clock) as (queue, sync):
            assert sync.step().fault is None


def test_a_list_that_cannot_be_fetched_is_said_and_stops_nothing(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = FrozenClock(NOW)
    with (
        running_gateway(world.pki, tmp_path / "gateway", clock=clock) as gateway,
        built(config(world, gateway.url, urls=["http://127.0.0.1:1/x.crl"]), clock) as (queue, sync),
    ):
        enqueue(queue, world)
        run(sync, 4)
        assert queue.entry("s-1").state in ("custody", "answered")
    assert "revocation.no_answer: http://127.0.0.1:1/x.crl" in capsys.readouterr().out


def test_one_pass_fetches_first(world: World, tmp_path: Path) -> None:
    with (
        running_gateway(world.pki, tmp_path / "gateway") as gateway,
        serving(200, world.station.crl(NOW)) as ours,
        serving(200, world.gateway.crl(NOW)) as theirs,
    ):
        path = config(world, gateway.url, urls=[ours, theirs], required=True)
        with built(path, FrozenClock(NOW)) as (queue, _):
            enqueue(queue, world)
        assert main(["sync", "--config", str(path), "--once"]) == 0
        assert len(gateway.submissions()) == 1


def test_sync_judges_its_clock_as_the_settings_say(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "system_clock", lambda: Said.NEVER)
    path = config(world)
    path.write_text(path.read_text() + '[clock]\ntrust = "system"\n')
    with built(path, FrozenClock(NOW)) as (queue, _):
        assert queue.clock_trust() == "unknown"


def test_keys_crl_shows_each_list_and_fetches_when_told(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(200, world.station.crl(NOW, number=12)) as ours, serving(404, b"") as theirs:
        path = config(world, urls=[ours, theirs])
        assert main(["keys", "crl", "--config", str(path), "--json"]) == 1
        shown = json.loads(capsys.readouterr().out)
        assert (shown["lists"], shown["fetched"]) == ([], [])
        assert shown["problem"].startswith("revocation.missing")
        assert main(["keys", "crl", "--config", str(path), "--fetch", "--json"]) == 1
        shown = json.loads(capsys.readouterr().out)
    assert [one["new"] for one in shown["fetched"]] == [True, False]
    assert "HTTP 404" in shown["fetched"][1]["problem"]
    (one,) = shown["lists"]
    assert (one["number"], one["verified"], one["ours"], one["problem"]) == (12, True, [], None)
    assert "station authority" in one["issuer"]
    (world.folder / "crl/gateway.crl").write_bytes(world.gateway.crl(NOW))
    assert main(["keys", "crl", "--config", str(path)]) == 0
    out = capsys.readouterr().out
    assert "verified: True" in out
    assert "problem: -" in out


def test_keys_crl_names_what_is_wrong_with_a_list_and_that_ours_are_on_one(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(world)
    both_lists(world)
    folder = world.revoke("station_signing", NOW - HOUR)
    (folder / "bad.crl").write_bytes(b"bad")
    (folder / "forged.crl").write_bytes(make_stranger(world).crl(NOW))
    (folder / "old.crl").write_bytes(world.gateway.crl(NOW - 9 * DAY))
    assert main(["keys", "crl", "--config", str(path), "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    found = {one["file"]: one for one in shown["lists"]}
    assert found["bad.crl"]["problem"].startswith("revocation.malformed")
    assert found["forged.crl"]["problem"].startswith("revocation.untrusted")
    assert not found["forged.crl"]["verified"]
    assert found["old.crl"]["problem"].startswith("revocation.too_old")
    assert found["station.crl"]["ours"] == ["signing"]
    assert list(shown["ours"]) == ["signing"]
    assert main(["keys", "crl", "--config", str(path)]) == 1
    assert "REVOKED, signing" in capsys.readouterr().out


def make_stranger(world: World) -> object:
    return type(world.station).new("SIMULATED TEST stranger", NOW)


def test_without_the_section_there_is_nothing_to_show(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(world)
    path.write_text(path.read_text().replace("[revocation]", ""))
    assert main(["keys", "crl", "--config", str(path)]) == 3
    assert "revocation.not_configured" in capsys.readouterr().err


def _checked(path: Path, kind: str = "simulated") -> Check:
    loaded = load_settings(path)
    gateway = msgspec.structs.replace(loaded.gateway, kind=kind)
    return check_revocation(
        msgspec.structs.replace(loaded, gateway=gateway, clock=settings.ClockSection(trust="confirmed"))
    )


def test_doctor_says_what_is_missing_old_unfit_or_revoked(world: World) -> None:
    path = config(world)
    assert (_checked(path).status, _checked(path).name) == (Status.WARN, "revocation")
    both_lists(world)
    assert _checked(path) == Check("revocation", Status.OK, "2 lists, none of ours on one")
    (world.folder / "crl/bad.crl").write_bytes(b"bad")
    assert "revocation.malformed" in _checked(path).fact
    (world.folder / "crl/bad.crl").unlink()
    both_lists(world, NOW - 9 * DAY)
    assert _checked(path).status is Status.WARN
    strict = _checked(config(world, required=True))
    assert strict.status is Status.FAIL
    assert "nothing is sent" in strict.advice
    world.revoke("station_client", NOW - HOUR)
    found = _checked(path)
    assert found.status is Status.FAIL
    assert found.fact.startswith("client: certificate ")


def test_doctor_warns_where_nothing_is_looked_at_and_where_no_authority_is_known(world: World) -> None:
    path = config(world)
    both_lists(world)
    without = path.read_text().replace(f"&chain={world.pki.station_ca}", "")
    assert f"chain={world.pki.station_ca}" in path.read_text()
    path.write_text(without)
    assert _checked(path).fact == "no authority is known for: signing, client"
    named = f'[revocation]\nauthorities = ["{world.pki.station_ca}"]'
    path.write_text(without.replace("[revocation]", named))
    assert _checked(path).status is Status.OK
    path.write_text(without.replace("[revocation]", ""))
    assert _checked(path).status is Status.OK
    assert _checked(path, "production").status is Status.WARN


def test_doctor_does_not_judge_dates_on_a_clock_that_was_never_synchronised(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_lists(world, NOW - 30 * DAY)
    loaded = load_settings(config(world, required=True))
    trusting = msgspec.structs.replace(loaded, clock=settings.ClockSection(trust="system"))
    monkeypatch.setattr(settings, "system_clock", lambda: Said.NEVER)
    assert check_revocation(trusting).status is Status.OK
    monkeypatch.setattr(settings, "system_clock", lambda: Said.NOW)
    assert check_revocation(trusting).status is Status.FAIL


def test_the_status_bar_says_which_certificate_is_revoked_within_a_minute(world: World) -> None:
    clock = FrozenClock(NOW)
    seen = revocation.watch(load_settings(config(world)))
    assert seen is not None
    bar = Papers(
        lambda: load_signer(world.pki.signing_uri), world.pki.station_client_cert, clock, revoked=seen.ours
    )
    assert not [line for line in bar.lines() if "revoked" in line.text]
    world.revoke("station_signing", NOW - HOUR)
    clock.move(60)
    (line,) = [line for line in bar.lines() if "revoked" in line.text]
    assert line.text == "Certificate (signing) is revoked"
    assert line.ok is False
    assert "Bookings are kept" in line.advice


def test_a_queue_opened_as_the_pages_do_signs_nothing_under_a_revoked_certificate(
    world: World, tmp_path: Path
) -> None:
    world.revoke("station_signing", NOW - HOUR)
    loaded: Settings = load_settings(config(world))
    judge = revocation.own(loaded)
    with built(config(world), FrozenClock(NOW)) as (queue, _):
        queue.revocation = judge
        with pytest.raises(SignerError):
            enqueue(queue, world)
        assert queue.entries() == []


def test_the_same_list_may_not_be_put_back_by_whoever_stands_between(world: World) -> None:
    seen = revocation.watch(load_settings(config(world)))
    assert seen is not None
    seen.keep(world.station.crl(NOW, number=3), NOW)
    with pytest.raises(RevocationError) as error:
        seen.keep(world.station.crl(NOW - DAY, number=2), NOW)
    assert error.value.code == "revocation.older"
