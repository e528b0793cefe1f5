"""The doctor tells the truth: each thing that can fail today is broken here, and must be named with advice."""

from __future__ import annotations

import datetime as dt
import json
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from drivers.errors import ReaderFault
from drivers.reader import CaptureKind, ReaderInfo
from offline_queue import ballast
from offline_queue.store import Queue
from offline_queue.vault import Vault
from station.__main__ import main
from station.access import hash_pin
from station.clock import SystemClock
from station.demo.world import SETTINGS
from station.doctor import Check, Status, examine, keys, machine, report, services
from station.imaging.quality import nfiq2
from station.settings import Settings, load_settings
from station.sim.pki import PkiPaths, make_pki
from tests.kit.helpers import background


class Station(NamedTuple):
    """A provisioned station without processes."""

    settings: Settings
    config: Path
    pki: PkiPaths


@pytest.fixture
def station(tmp_path: Path) -> Station:
    pki = make_pki(tmp_path / "pki", SystemClock())
    officers = "".join(
        f'[[officer]]\nid = "{who}"\nname = "{who}"\nrole = "{role}"\npin = "{hash_pin("24681357")}"\n'
        for who, role in (("avery", "officer"), ("morgan", "supervisor"))
    )
    (tmp_path / "officers.toml").write_text(officers)
    config = tmp_path / "station.toml"
    config.write_text(
        SETTINGS.format(
            tty="/dev/null",
            run=tmp_path,
            data=tmp_path,
            web_port=1,
            gateway_port=1,
            station_key=pki.station_vault_key,
            signing_uri=pki.signing_uri,
            gateway_ca=pki.gateway_ca,
            client_cert=pki.station_client_cert,
            client_key=pki.station_client_key,
        )
    )
    return Station(load_settings(config), config, pki)


def _with(settings: Settings, section: str, **changes: object) -> Settings:
    part = msgspec.structs.replace(getattr(settings, section), **changes)
    return msgspec.structs.replace(settings, **{section: part})


def test_a_provisioned_station_without_reader_and_gateway_says_just_that(station: Station) -> None:
    checks = {check.name: check for check in examine(station.settings)}
    failed = {name for name, check in checks.items() if check.status is Status.FAIL}
    assert failed == {"reader", "gateway"}
    assert all(checks[name].advice for name in failed)


def test_the_command_line_prints_a_line_a_check_and_exits_1(
    station: Station, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--config", str(station.config)]) == 1
    out = capsys.readouterr().out
    assert "fail  reader" in out
    assert "ok    station-key" in out
    assert main(["doctor", "--config", str(station.config), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert not report["ok"]
    assert {"name", "status", "fact", "advice"} <= set(report["checks"][0])


def test_missing_settings_exit_3(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["doctor", "--config", str(tmp_path / "none.toml")]) == 3
    assert "settings.unreadable" in capsys.readouterr().err


def test_low_disk_fails_and_getting_low_warns(station: Station) -> None:
    assert machine.check_disk(_with(station.settings, "queue", reserve_mib=2**40)).status is Status.FAIL
    free = machine.shutil.disk_usage(station.config.parent).free // 2**20
    assert machine.check_disk(_with(station.settings, "queue", reserve_mib=free // 4)).status is Status.WARN
    absent = _with(station.settings, "queue", database=Path("/nonexistent/queue.db"))
    assert machine.check_disk(absent).status is Status.FAIL


def test_the_ballast_is_missed_only_once_there_is_a_queue(station: Station) -> None:
    queue = station.settings.queue
    assert machine.check_ballast(_with(station.settings, "queue", ballast_mib=0)).fact.startswith("none")
    assert "first booking" in machine.check_ballast(station.settings).fact
    queue.database.write_bytes(b"")
    given_up = machine.check_ballast(_with(station.settings, "queue", ballast_mib=1))
    assert (given_up.status, given_up.fact[:5]) == (Status.WARN, "5 MiB")
    assert "made again by itself" in given_up.advice
    ballast.of_queue(queue.database, 2**20).make()
    ballast.of_audit(queue.database, ballast.AUDIT_BYTES).make()
    whole = machine.check_ballast(_with(station.settings, "queue", ballast_mib=1))
    assert (whole.status, whole.fact) == (Status.OK, "5 MiB held beside the queue")


@pytest.mark.parametrize(
    ("version", "words"),
    [("3.40.1", "has the WAL-reset bug: avoided"), ("3.51.3", "without the WAL-reset bug")],
)
def test_the_known_bug_of_sqlite_is_named(station: Station, version: str, words: str) -> None:
    check = machine.check_sqlite(station.settings, version=version)
    assert check.status is Status.OK
    assert version in check.fact
    assert words in check.fact
    assert machine.check_sqlite in report.CHECKS


def test_a_clock_of_1970_fails_and_an_unsynchronised_one_warns(station: Station) -> None:
    early = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    late = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
    assert machine.check_clock(station.settings, now=early).status is Status.FAIL
    assert machine.check_clock(station.settings, now=late, state=5).status is Status.WARN
    assert machine.check_clock(station.settings, now=late, state=0).status is Status.OK
    assert machine.clock_state() in range(6)


def test_undervoltage_of_a_pi_is_read_from_hwmon(station: Station, tmp_path: Path) -> None:
    sensor = tmp_path / "hwmon" / "hwmon0"
    sensor.mkdir(parents=True)
    (sensor / "name").write_text("rpi_volt\n")
    (sensor / "in0_lcrit_alarm").write_text("1\n")
    assert machine.check_power(station.settings, hwmon=tmp_path / "hwmon").status is Status.FAIL
    (sensor / "in0_lcrit_alarm").write_text("0\n")
    assert machine.check_power(station.settings, hwmon=tmp_path / "hwmon").status is Status.OK
    assert "no undervoltage sensor" in machine.check_power(station.settings, hwmon=tmp_path).fact


def test_modem_manager_is_named_when_it_runs(
    station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "systemctl"
    tool.write_text("#!/bin/sh\necho active\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.check_modem_manager(station.settings).status is Status.WARN
    tool.write_text("#!/bin/sh\necho inactive\nexit 3\n")
    assert machine.check_modem_manager(station.settings).status is Status.OK
    tool.unlink()
    assert machine.check_modem_manager(station.settings).fact == "no systemd to ask"


def test_nfiq2_says_that_it_works_or_why_not(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        nfiq2, "library", lambda: nfiq2.Library(False, "nbis-python does not load: no OpenCV")
    )
    absent = machine.check_nfiq2(station.settings)
    assert (absent.status, absent.fact) == (Status.WARN, "nbis-python does not load: no OpenCV")
    monkeypatch.setattr(nfiq2, "library", lambda: nfiq2.Library(True))
    there = machine.check_nfiq2(station.settings)
    assert there.status is Status.OK
    assert "vendor 0101, product 57" in there.fact


def test_a_missing_or_open_station_key_fails(station: Station) -> None:
    station.pki.station_vault_key.chmod(0o644)
    assert keys.check_station_key(station.settings).status is Status.FAIL
    assert keys.check_private_files(station.settings).status is Status.FAIL
    station.pki.station_vault_key.unlink()
    assert keys.check_station_key(station.settings).status is Status.FAIL


def test_a_signing_uri_that_leads_nowhere_fails(station: Station) -> None:
    assert keys.check_signing(station.settings).status is not Status.FAIL
    assert keys.check_signing(_with(station.settings, "signing", uri="file:/none.pem")).status is Status.FAIL


def test_an_expired_or_broken_certificate_fails(station: Station) -> None:
    expired = _with(station.settings, "gateway", client_cert=station.pki.gateway_expired_cert)
    check = keys.check_client_certificate(expired)
    assert check.status is Status.FAIL
    assert "expired" in check.fact
    broken = _with(station.settings, "gateway", ca=station.config)
    assert keys.check_gateway_ca(broken).status is Status.FAIL


@pytest.mark.parametrize(
    ("days", "status"), [(-40, Status.FAIL), (0, Status.WARN), (10, Status.WARN), (31, Status.FAIL)]
)
def test_days_left_are_counted_from_now(station: Station, days: int, status: Status) -> None:
    certificate = keys.x509.load_pem_x509_certificate(station.pki.station_client_cert.read_bytes())
    now = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    assert keys._days_left("x", certificate, now).status is status


def test_the_queue_is_opened_and_its_audit_chain_verified(station: Station) -> None:
    assert services.check_queue(station.settings).status is Status.WARN
    settings = station.settings
    vault = Vault.load(settings.queue.station_key)
    Queue.open(settings.queue.database, vault, SystemClock(), station_id=settings.station.id).close()
    assert services.check_queue(settings) == Check("queue", Status.OK, "empty")
    settings.queue.database.write_bytes(b"not a database" * 1000)
    assert services.check_queue(settings).status is Status.FAIL


def test_officers_without_a_supervisor_are_a_warning(station: Station) -> None:
    path = station.settings.access.officers
    assert services.check_officers(station.settings).status is Status.OK
    path.write_text(path.read_text().replace('role = "supervisor"', 'role = "officer"'))
    assert services.check_officers(station.settings).status is Status.WARN
    path.unlink()
    assert services.check_officers(station.settings).status is Status.FAIL


@pytest.fixture
def tls_gateway(station: Station) -> Iterator[int]:
    """A listener that does one mutual TLS handshake after another."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(station.pki.gateway_server_cert, station.pki.gateway_server_key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(station.pki.station_ca)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                raw, _ = listener.accept()
                with context.wrap_socket(raw, server_side=True):
                    pass
            except ssl.SSLError:
                raw.close()
            except OSError:
                return

    with listener, background(serve, stop=lambda: listener.shutdown(socket.SHUT_RDWR), name="a TLS listener"):
        yield listener.getsockname()[1]


def test_the_gateway_is_tried_with_our_certificate(station: Station, tls_gateway: int) -> None:
    settings = _with(station.settings, "gateway", url=f"https://localhost:{tls_gateway}")
    check = services.check_gateway(settings)
    assert (check.status, "SIMULATED" in check.fact) == (Status.WARN, True)
    assert services.check_gateway(_with(settings, "gateway", kind="production")).status is Status.OK
    stranger = _with(settings, "gateway", ca=station.pki.station_ca)
    refused = services.check_gateway(stranger)
    assert refused.status is Status.FAIL
    assert "certificate refused" in refused.fact


def test_a_check_that_breaks_is_itself_a_failure(station: Station) -> None:
    def check_everything(_settings: Settings) -> Check:
        raise ZeroDivisionError

    (check,) = examine(station.settings, [check_everything])
    assert (check.name, check.status) == ("everything", Status.FAIL)


class _FakeReader:
    """Stands in for the capture service's client: the service itself is tested with the drivers."""

    busy = False
    certification = "none"
    simulated = True
    trouble: Exception | None = None

    def __init__(self, _path: Path) -> None: ...

    def status(self) -> dict[str, object]:
        return {"state": "idle", "busy": self.busy}

    def open(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    @property
    def info(self) -> ReaderInfo:
        kinds = frozenset({CaptureKind.PLAIN})
        return ReaderInfo(
            "id", "d", "p", "Make", "Model", "S1", "1.0", 500, kinds, self.certification, None, self.simulated
        )


@pytest.mark.parametrize(
    ("changes", "status", "word"),
    [
        ({}, Status.WARN, "SIMULATED"),
        ({"simulated": False}, Status.WARN, "not certified"),
        ({"simulated": False, "certification": "AppF"}, Status.OK, "Make Model S1, 500 ppi"),
        ({"busy": True}, Status.OK, "capturing"),
        (
            {"trouble": ReaderFault("link.permission", "no access", "join the group")},
            Status.FAIL,
            "no access",
        ),
    ],
)
def test_the_reader_behind_the_socket_is_described(
    station: Station, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], status: Status, word: str
) -> None:
    fake = type("Fake", (_FakeReader,), changes)
    monkeypatch.setattr(services, "RemoteReader", fake)
    check = services.check_reader(station.settings)
    assert check.status is status
    assert word in check.fact


def test_check_values_are_frozen() -> None:
    check = Check("a", Status.OK, "b")
    with pytest.raises(AttributeError):
        check.fact = "c"  # type: ignore[misc]
    assert replace(check, fact="c").fact == "c"


def test_the_doctor_says_whose_key_submissions_are_sealed_to(station: Station) -> None:
    assert "station's own key" in keys.check_sealing(station.settings).fact
    sealing = _with(station.settings, "queue", seal_to=station.pki.gateway_sealing_cert)
    found = keys.check_sealing(sealing)
    assert (found.status, "the gateway's key" in found.fact) == (Status.WARN, False), "29 days are left"
    bare = station.config.parent / "bare.pem"
    key = x509.load_pem_x509_certificate(station.pki.gateway_sealing_cert.read_bytes()).public_key()
    bare.write_bytes(
        key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    assert keys.check_sealing(_with(station.settings, "queue", seal_to=bare)).status is Status.OK
    unfit = _with(station.settings, "queue", seal_to=station.pki.gateway_receipt_cert)
    assert keys.check_sealing(unfit).status is Status.FAIL
