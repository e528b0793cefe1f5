"""Certificates from an EST server: real TLS, real DER, and openssl reads both sides."""

from __future__ import annotations

import base64
import datetime as dt
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from hypothesis import given
from hypothesis import strategies as st

from offline_queue import est, keypair
from offline_queue.clock import SystemClock
from offline_queue.errors import EstError
from offline_queue.est import Access, EstClient
from offline_queue.signers import create_key, load_signer
from offline_queue.transports.https import Renewed, client_context
from station.__main__ import main
from station.sim.est import SimulatedEst, running_est
from station.sim.pki import BACKDATE, Authority
from tests.contract import softhsm

NOW = dt.datetime.now(dt.UTC)
AUTHORITY = Authority.new("SIMULATED TEST station authority", NOW)


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole suite takes long: certificates that a test makes must be good at that test's own time."""
    monkeypatch.setitem(globals(), "NOW", dt.datetime.now(dt.UTC))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SimulatedEst]:
    made = SimulatedEst(AUTHORITY, lambda: NOW, {"ST-1": "once"})
    with running_est(made, tmp_path, tmp_path / "ca.pem"):
        yield made


def client(server: SimulatedEst, folder: Path, **more: object) -> EstClient:
    access = Access(server.url, folder / "ca.pem", **({"user": "ST-1", "password": "once"} | more))  # type: ignore[arg-type]
    return EstClient(access, SystemClock())


def enrolled(server: SimulatedEst, folder: Path, purpose: str) -> str:
    uri = f"file:{folder}/{purpose}.key?cert={folder}/{purpose}.pem"
    key = create_key(uri)
    found = client(server, folder).enrol(keypair.request(key, "ST-1", purpose))
    est.install(
        folder / f"{purpose}.pem", est.ours(found, key, purpose, (AUTHORITY.issued.certificate,), NOW)
    )
    return uri


def code(error: pytest.ExceptionInfo[EstError]) -> str:
    return error.value.code


def test_a_station_enrols_with_its_password_and_renews_with_its_certificate(
    server: SimulatedEst, tmp_path: Path
) -> None:
    uri = enrolled(server, tmp_path, "client")
    first = x509.load_der_x509_certificate(load_signer(uri).certificate)
    key = keypair.from_pem((tmp_path / "client.key").read_bytes(), "client")
    shown = {"user": "", "cert": tmp_path / "client.pem", "key": tmp_path / "client.key"}
    request = keypair.request(key, "", "client", first.subject.public_bytes())
    found = est.ours(
        client(server, tmp_path, **shown).renew(request), key, "client", (AUTHORITY.issued.certificate,), NOW
    )
    kept = est.install(tmp_path / "client.pem", found)
    second = x509.load_der_x509_certificate(load_signer(uri).certificate)
    assert second.serial_number != first.serial_number
    assert second.subject == first.subject
    assert kept is not None
    assert x509.load_pem_x509_certificate(kept.read_bytes()) == first


def test_a_wrong_password_and_a_missing_certificate_get_nothing(server: SimulatedEst, tmp_path: Path) -> None:
    request = keypair.request(keypair.from_pem(keypair.fresh_pem(), "x"), "ST-1", "client")
    with pytest.raises(EstError) as error:
        client(server, tmp_path, password="twice").enrol(request)
    assert code(error) == "est.not_permitted"
    with pytest.raises(EstError) as error:
        client(server, tmp_path).renew(request)
    assert code(error) == "est.not_permitted"
    assert server.issued == []


def test_openssl_reads_our_request_and_the_servers_answer(server: SimulatedEst, tmp_path: Path) -> None:
    request = keypair.request(keypair.from_pem(keypair.fresh_pem(), "x"), "ST-1", "signing")
    said = openssl("req", "-inform", "DER", "-verify", "-noout", "-subject", data=request)
    assert "ST-1" in said
    (authority,) = client(server, tmp_path).cacerts()
    assert authority == AUTHORITY.issued.certificate
    bundle = pkcs7.serialize_certificates([authority], Encoding.DER)
    assert "BEGIN CERTIFICATE" in openssl("pkcs7", "-inform", "DER", "-print_certs", data=bundle)


def test_a_key_in_a_token_signs_its_own_request(server: SimulatedEst, tmp_path: Path) -> None:
    module = softhsm.token("made")
    key = create_key(f"pkcs11:token=made;object=est;id=%45?module-path={module}&pin-value={softhsm.PIN}")
    found = client(server, tmp_path).enrol(keypair.request(key, "ST-1", "signing"))
    assert est.ours(found, key, "signing", (AUTHORITY.issued.certificate,), NOW)


@pytest.mark.parametrize(
    ("status", "body", "wanted"),
    [
        (202, b"", "est.pending"),
        (500, b"", "est.refused"),
        (302, b"", "est.refused"),
        (200, b"", "est.malformed"),
        (200, b"<html>", "est.malformed"),
        (200, b"A" * (est.LIMIT + 4), "est.no_answer"),
    ],
)
def test_other_answers_are_refused_by_name(
    server: SimulatedEst, tmp_path: Path, status: int, body: bytes, wanted: str
) -> None:
    server.answer = lambda _: (status, body)
    with pytest.raises(EstError) as error:
        client(server, tmp_path).cacerts()
    assert code(error) == wanted


def test_nobody_there_and_no_https_are_told(server: SimulatedEst, tmp_path: Path) -> None:
    with pytest.raises(EstError) as error:
        EstClient(Access("https://localhost:9", tmp_path / "ca.pem"), SystemClock()).cacerts()
    assert code(error) == "est.no_answer"
    with pytest.raises(EstError) as error:
        EstClient(Access("http://localhost", tmp_path / "ca.pem"), SystemClock())
    assert code(error) == "est.address"


def test_a_certificate_that_does_not_fit_is_not_taken(server: SimulatedEst, tmp_path: Path) -> None:
    key = keypair.from_pem(keypair.fresh_pem(), "x")
    found = client(server, tmp_path).enrol(keypair.request(key, "ST-1", "client"))
    anchors = (AUTHORITY.issued.certificate,)
    other = keypair.from_pem(keypair.fresh_pem(), "y")
    stranger = (Authority.new("stranger", NOW).issued.certificate,)
    late = NOW + dt.timedelta(days=91)
    for args, wanted in (
        ((other, "client", anchors, NOW), "est.wrong_key"),
        ((key, "client", stranger, NOW), "est.untrusted"),
        ((key, "signing", anchors, NOW), "est.wrong_use"),
        ((key, "client", anchors, late), "est.dates"),
    ):
        with pytest.raises(EstError) as error:
            est.ours(found, *args)
        assert code(error) == wanted


GOOD = pkcs7.serialize_certificates([AUTHORITY.issued.certificate], Encoding.DER)


@given(st.binary(max_size=400))
def test_hostile_answers_are_malformed(data: bytes) -> None:
    for body in (data, base64.b64encode(data)):
        with pytest.raises(EstError):
            est.certs_only(body)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_an_answer_with_one_byte_changed_gives_certificates_or_est_malformed(at: int, value: int) -> None:
    changed = GOOD[:at] + bytes([value]) + GOOD[at + 1 :]
    try:
        found = est.certs_only(base64.b64encode(changed))
    except EstError:
        return
    assert len(found) == 1


def openssl(*words: str, data: bytes) -> str:
    done = subprocess.run(["openssl", *words], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def settings(repo: Path, folder: Path) -> str:
    """The example's station.toml with all its keys and certificates in one folder."""
    text = (repo / "systemd" / "station.toml.example").read_text()
    for name in ("station-signing.key", "station-client.key"):
        text = text.replace(f"${{CREDENTIALS_DIRECTORY}}/{name}", str(folder / name))
    text = text.replace("/etc/livescan/trust/station-ca.pem", str(folder / "ca.pem"))
    return text.replace("/etc/livescan/trust", str(folder))


def test_the_command_enrols_both_keys_and_renews_them(
    server: SimulatedEst, tmp_path: Path, repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "station.toml").write_text(settings(repo, tmp_path))
    (tmp_path / "password").touch(mode=0o600)
    (tmp_path / "password").write_text("once\n")
    common = ["--config", f"{tmp_path}/station.toml", "--server", server.url, "--ca", f"{tmp_path}/ca.pem"]
    common += ["--under", f"{tmp_path}/ca.pem", "--json"]
    first = ["--user", "ST-1", "--password-file", f"{tmp_path}/password"]
    for purpose in ("client", "signing"):
        assert main(["keys", "enrol", "--purpose", purpose, *common, *first]) == 0
    for purpose in ("client", "signing"):
        assert main(["keys", "renew", "--purpose", purpose, *common]) == 0
        assert len(list(tmp_path.glob(f"station-{purpose}.*.pem"))) == 1, "the old one is kept"
    assert len(server.issued) == 4
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["serial"] == f"{server.issued[-1].serial_number:x}"
    assert main(["keys", "status", "--json", "--config", f"{tmp_path}/station.toml"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["signing"]["serial"] == said["serial"]
    assert facts["client"]["days_left"] == 89
    assert facts["sealing"]["error"]


def test_what_is_due_is_renewed_by_itself_and_shown_from_the_next_exchange_on(
    server: SimulatedEst, tmp_path: Path, repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = settings(repo, tmp_path)
    config = tmp_path / "station.toml"
    config.write_text(text)
    due = ["keys", "renew", "--due", "--json", "--config", str(config)]
    assert main(due) == 0
    assert "not configured" in capsys.readouterr().out
    own = f'[enrolment]\nserver = "{server.url}"\nca = "{tmp_path}/ca.pem"\nunder = "{tmp_path}/ca.pem"\n'
    config.write_text(text + own)
    (tmp_path / "password").touch(mode=0o600)
    (tmp_path / "password").write_text("once\n")
    first = ["--user", "ST-1", "--password-file", f"{tmp_path}/password", "--config", str(config)]
    server.life = dt.timedelta(seconds=BACKDATE.total_seconds() / 3)  # two thirds are over when they come
    for purpose in ("client", "signing"):
        assert main(["keys", "enrol", "--purpose", purpose, *first]) == 0
    server.life = dt.timedelta(days=90)
    capsys.readouterr()
    context = client_context(
        {
            "ca": f"{tmp_path}/ca.pem",
            "client_cert": f"{tmp_path}/station-client.pem",
            "client_key": f"{tmp_path}/station-client.key",
        }
    )
    options = {
        "client_cert": f"{tmp_path}/station-client.pem",
        "client_key": f"{tmp_path}/station-client.key",
    }
    renewed = Renewed(context, options)
    assert main(due) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["purpose"] for line in lines] == ["signing", "client"]
    assert len(server.issued) == 4
    before = renewed._seen
    renewed()
    assert renewed._seen != before
    assert main(due) == 0
    assert capsys.readouterr().out == ""
    assert len(server.issued) == 4


def test_one_that_cannot_be_renewed_does_not_keep_the_other(
    tmp_path: Path, repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (
        (repo / "systemd" / "station.toml.example").read_text().replace("/etc/livescan/trust", str(tmp_path))
    )
    own = f'[enrolment]\nserver = "https://127.0.0.1:9"\nca = "{tmp_path}/ca.pem"\nunder = "{tmp_path}/ca.pem"\n'
    (tmp_path / "station.toml").write_text(text + own)
    assert main(["keys", "renew", "--due", "--json", "--config", f"{tmp_path}/station.toml"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["purpose"] for line in lines] == ["signing", "client"]
    assert all(line["error"].startswith("signer.") for line in lines)
