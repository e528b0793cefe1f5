"""`station queue` and `station sync`, against a real TLS peer that answers as the protocol says."""

from __future__ import annotations

import argparse
import base64
import email
import email.policy
import hashlib
import json
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from offline_queue import canonical, cms
from offline_queue.clock import SystemClock
from offline_queue.errors import EntryUnknown, QueueError, StoreFault
from offline_queue.signers import load_signer
from offline_queue.store import Queue
from offline_queue.vault import Vault
from station.cli import queue as queue_cli
from station.cli import sync as sync_cli
from station.errors import EnvironmentFault
from station.sim.pki import PkiPaths, make_pki
from tests.contract.tls_peer import Behaviour, Peer, Request, reply
from tests.kit.helpers import running
from tests.kit.waiting import PATIENCE_S
from tests.unit.offline_queue.kit import Stored as Kept
from tests.unit.offline_queue.kit import receipt_answer, receipt_bytes, sign, submission

SETTINGS = """
[station]
id = "ST-1"
ori = "ZZ0000000"
dai = "ZZSIMSIB0"
agency = "Simulated County Jail"
[reader]
driver = "fap60"
profile = "fap60_simulated"
address = "serial:/dev/null"
socket = "capture.sock"
[booking]
database = "bookings.db"
[queue]
database = "queue.db"
station_key = "{vault}"
[signing]
uri = "{uri}"
[gateway]
kind = "simulated"
url = "{url}"
ca = "{ca}"
client_cert = "{cert}"
client_key = "{key}"
receipt_ca = "{ca}"
total_deadline_s = 10.0
poll_s = 0.5
[access]
officers = "officers.toml"
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> PkiPaths:
    """Certificates of today: TLS looks at the real clock."""
    return make_pki(tmp_path_factory.mktemp("live"), SystemClock())


def gateway(live: PkiPaths) -> Behaviour:
    """Custody for every PUT, one response to it for every pull from 0."""
    signer, kept = load_signer(live.receipt_signing_uri), dict[str, Kept]()

    def act(peer: Peer, tls: ssl.SSLSocket, request: Request) -> None:
        now = SystemClock().utcnow()
        if request.method == "PUT":
            head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
            message = email.message_from_bytes(head + request.body, policy=email.policy.HTTP)
            transaction, manifest, _ = (part.get_payload(decode=True) for part in message.iter_parts())
            said = canonical.loads(manifest)
            stored = Kept(
                said["submission_id"], said["tcn"], hashlib.sha256(transaction).hexdigest(), len(transaction)
            )
            kept[stored.submission_id] = stored
            reply("201 Created", receipt_answer(sign(receipt_bytes(stored), signer, now)))(peer, tls, request)
            return
        items = [
            {
                "seq": n,
                "tcr": stored.tcn,
                "tot": "SRE",
                "sha256": hashlib.sha256(b"sre").hexdigest(),
                "content": base64.b64encode(b"sre").decode(),
                "signature": base64.b64encode(cms.sign_detached(b"sre", signer, now)).decode(),
            }
            for n, stored in enumerate(kept.values(), start=1)
        ]
        reply("200 OK", json.dumps({"responses": items, "more": False}).encode())(peer, tls, request)

    return act


@pytest.fixture
def peer(live: PkiPaths) -> Iterator[Peer]:
    with Peer(live, behaviours=[gateway(live)]) as running:
        yield running


@pytest.fixture
def config(tmp_path: Path, live: PkiPaths, peer: Peer) -> Path:
    path = tmp_path / "station.toml"
    path.write_text(
        SETTINGS.format(
            vault=live.station_vault_key,
            uri=live.signing_uri,
            url=peer.url,
            ca=live.gateway_ca,
            cert=live.station_client_cert,
            key=live.station_client_key,
        )
    )
    return path


@pytest.fixture
def saved(tmp_path: Path, live: PkiPaths, config: Path) -> Path:
    """One submission waits."""
    vault = Vault.load(live.station_vault_key)
    with Queue.open(tmp_path / "queue.db", vault, SystemClock(), station_id="ST-1") as queue:
        queue.enqueue(submission(), load_signer(live.signing_uri))
    return config


def run(module: Any, *words: str) -> int:
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    return int(module.run(parser.parse_args(list(words))))


def ask(capsys: pytest.CaptureFixture[str], config: Path, *words: str) -> Any:
    capsys.readouterr()
    assert run(queue_cli, *words, "--config", str(config), "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_once_sends_pulls_and_ends(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(sync_cli, "--config", str(saved), "--once") == 0
    assert "1 accepted; 1 responses" in capsys.readouterr().out
    listed = ask(capsys, saved, "list")
    assert listed["counts"] == {"answered": 1}
    assert listed["entries"][0]["tcn"] == "TCN0000001"
    shown = ask(capsys, saved, "show", "TCN0000001")
    assert shown["receipt"]["custody"] is True
    assert shown["manifest"]["seq"] == 1
    assert [attempt["outcome"] for attempt in shown["tries"]] == ["accepted"]
    assert shown["responses"][0]["tot"] == "SRE"


def test_once_says_when_something_still_waits(
    saved: Path, peer: Peer, capsys: pytest.CaptureFixture[str]
) -> None:
    peer.behaviours[:] = [reply("503 Busy", b"{}", Retry_After="9")]
    assert run(sync_cli, "--config", str(saved), "--once") == 1
    out = capsys.readouterr().out
    assert "1 unsure; gateway.busy" in out
    assert run(queue_cli, "list", "--config", str(saved)) == 0
    assert "unknown" in capsys.readouterr().out


def test_an_exported_entry_is_verified_by_openssl(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(sync_cli, "--config", str(saved), "--once")
    out = tmp_path / "out"
    assert ask(capsys, saved, "export", "TCN0000001", "--out", str(out))["files"]
    assert {path.name for path in out.iterdir()} == {
        *("transaction.an2", "manifest.json", "manifest.p7s", "station-cert.pem", "issuing-ca.pem"),
        *("custody-receipt.json", "custody-receipt.p7s", "gateway-cert.pem", "gateway-ca.pem"),
        *("response.an2", "response.p7s"),
    }
    assert (out / "transaction.an2").read_bytes() == submission().payload
    for signature, content, ca in (
        ("manifest.p7s", "manifest.json", "issuing-ca.pem"),
        ("custody-receipt.p7s", "custody-receipt.json", "gateway-ca.pem"),
        ("response.p7s", "response.an2", "gateway-ca.pem"),
    ):
        command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", signature]
        command += ["-content", content, "-CAfile", ca, "-out", "/dev/null"]
        assert subprocess.run(command, cwd=out, capture_output=True, check=False).returncode == 0
    with pytest.raises(QueueError) as error:
        run(queue_cli, "export", "sub-1", "--out", str(out), "--config", str(saved))
    assert error.value.code == "export.exists"


def test_an_entry_still_waiting_is_exported_without_a_receipt(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(queue_cli, "export", "sub-1", "--out", str(tmp_path / "out"), "--config", str(saved)) == 0
    assert "openssl cms -verify" in capsys.readouterr().out
    assert not (tmp_path / "out" / "custody-receipt.json").exists()
    words = ["export", "sub-1", "--out", str(tmp_path / "quiet"), "--config", str(saved), "--quiet"]
    assert run(queue_cli, *words) == 0
    assert capsys.readouterr().out == ""


def test_a_folder_that_cannot_be_written_is_named(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(QueueError) as error:
        run(queue_cli, "export", "sub-1", "--out", str(tmp_path / "file" / "below"), "--config", str(saved))
    assert error.value.code == "export.cannot_write"


def test_verify_says_whole_or_what_is_wrong(
    saved: Path, tmp_path: Path, live: PkiPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(capsys, saved, "verify")["audit"]["ok"]
    assert run(queue_cli, "verify", "--config", str(saved)) == 0
    assert capsys.readouterr().out.endswith("whole\n")
    with Queue.open(
        tmp_path / "queue.db", Vault.load(live.station_vault_key), SystemClock(), station_id="ST-1"
    ) as q:
        q.database.sql("DROP TRIGGER audit_never_changes")
        q.database.sql("UPDATE audit SET event = 'x'")
        q.database.sql("UPDATE payload SET sealed = x'00'")
    assert run(queue_cli, "verify", "--config", str(saved)) == 1
    out = capsys.readouterr().out
    assert "WRONG audit row 1: the row is not what was written" in out
    assert "WRONG sub-1" in out


def test_a_list_for_people_shows_state_and_receipt(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(sync_cli, "--config", str(saved), "--once")
    run(queue_cli, "list", "--config", str(saved), "--state", "answered")
    out = capsys.readouterr().out
    assert "TCN0000001" in out
    assert "receipt 2026-" in out
    assert run(queue_cli, "show", "sub-1", "--config", str(saved)) == 0


def test_an_unknown_entry_and_an_absent_queue_are_typed(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(EntryUnknown):
        run(queue_cli, "show", "nobody", "--config", str(saved))
    (tmp_path / "queue.db").unlink()
    with pytest.raises(StoreFault) as error:
        run(queue_cli, "list", "--config", str(saved))
    assert error.value.code == "queue.absent"
    assert not (tmp_path / "queue.db").exists()


def parts(config: Path) -> sync_cli.Parts:
    return sync_cli.Parts.of(sync_cli.load_settings(config))


def test_a_second_sync_process_is_refused(saved: Path) -> None:
    with ExitStack() as first, ExitStack() as second:
        sync_cli.build(parts(saved), SystemClock(), first)
        with pytest.raises(EnvironmentFault) as error:
            sync_cli.build(parts(saved), SystemClock(), second)
    assert error.value.code == "environment.sync_running"
    with ExitStack() as again:
        sync_cli.build(parts(saved), SystemClock(), again)


def test_what_is_missing_refuses_the_start(saved: Path, tmp_path: Path) -> None:
    for old, new, code in (
        ("receipt_ca = ", 'receipt_ca = "none.pem" #', "environment.receipt_ca"),
        ('database = "queue.db"', 'database = "none/queue.db"', "environment.queue_folder"),
    ):
        path = tmp_path / f"{code}.toml"
        path.write_text(saved.read_text().replace(old, new))
        with ExitStack() as stack, pytest.raises(EnvironmentFault) as error:
            sync_cli.build(parts(path), SystemClock(), stack)
        assert error.value.code == code


def test_the_process_tells_its_supervisor_and_ends_clean_on_sigterm(
    saved: Path, tmp_path: Path, repo: Path
) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(address))
        supervisor.settimeout(PATIENCE_S)
        with running(
            [sys.executable, "-m", "station", "sync", "--config", str(saved)],
            cwd=repo,
            env=os.environ | {"NOTIFY_SOCKET": str(address)},
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            heard = [supervisor.recv(500).decode()]
            while not any(text.startswith("STATUS=") for text in heard) or "WATCHDOG=1" not in heard:
                heard.append(supervisor.recv(500).decode())
            process.send_signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=PATIENCE_S)
        while select.select([supervisor], [], [], 0)[0]:
            heard.append(supervisor.recv(500).decode())
    assert heard[0] == "READY=1"
    assert heard[-1] == "STOPPING=1"
    assert process.returncode == 0
    assert out.startswith("ready\n")
    assert "1 accepted" in out
