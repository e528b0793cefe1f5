"""The verbs of `station queue` that change something, watch, or carry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from offline_queue.clock import SystemClock
from offline_queue.errors import BundleError, EntryUnknown, StateError
from offline_queue.signers import load_signer
from offline_queue.store import Queue
from offline_queue.vault import Vault
from station.cli import queue as queue_cli
from station.cli import sync as sync_cli
from station.errors import EnvironmentFault
from station.sim.mail_bureau import message
from station.sim.pki import PkiPaths
from tests.contract.mail_kit import post_office
from tests.unit.offline_queue import test_cli
from tests.unit.offline_queue.kit import receipt_bytes, sign, submission
from tests.unit.offline_queue.test_cli import ask, run

live, peer, config, saved = test_cli.live, test_cli.peer, test_cli.config, test_cli.saved

OFFICER = ("--by", "officer-7", "--reason", "asked by the shift leader")


def say(capsys: pytest.CaptureFixture[str], config: Path, *words: str) -> str:
    capsys.readouterr()
    assert run(queue_cli, *words, "--config", str(config)) == 0
    return capsys.readouterr().out


def opened(folder: Path, live: PkiPaths) -> Queue:
    return Queue.open(
        folder / "queue.db", Vault.load(live.station_vault_key), SystemClock(), station_id="ST-1"
    )


def test_an_officer_holds_and_releases_and_the_audit_says_who(
    saved: Path,
    tmp_path: Path,
    live: PkiPaths,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert say(capsys, saved, "hold", "TCN0000001", *OFFICER) == "TCN0000001 ready -> held\n"
    held = ask(capsys, saved, "show", "sub-1")
    assert (held["state"], held["held_for"]) == ("held", "officer")
    assert run(sync_cli, "--config", str(saved), "--once") == 0, "held entries do not wait"
    assert ask(capsys, saved, "release", "sub-1", *OFFICER)["state"] == "unknown"
    assert ask(capsys, saved, "show", "sub-1")["held_for"] is None
    with opened(tmp_path, live) as queue:
        (detail,) = queue.database.sql("SELECT detail FROM audit WHERE event = 'hold'")[0]
    assert "officer-7: asked by the shift leader" in detail
    with pytest.raises(StateError):
        run(queue_cli, "retry", "sub-1", *OFFICER, "--config", str(saved))
    with pytest.raises(EntryUnknown):
        run(queue_cli, "hold", "sub-1", "nobody", *OFFICER, "--config", str(saved))
    with pytest.raises(SystemExit):
        run(queue_cli, "hold", "sub-1", "--config", str(saved))


def test_quarantine_shows_what_was_put_aside_and_retry_takes_it_out(
    saved: Path,
    tmp_path: Path,
    live: PkiPaths,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with opened(tmp_path, live) as queue:
        queue.database.sql(
            "UPDATE submission SET state = 'quarantined', refusals = 2, last_error = 'x.y: no'"
        )
        queue.quarantine_response(4, "response.signature", "forged", b"raw")
    assert "2 refusals  x.y: no" in say(capsys, saved, "quarantine")
    shown = ask(capsys, saved, "quarantine")
    assert [entry["tcn"] for entry in shown["entries"]] == ["TCN0000001"]
    assert shown["responses"][0]["code"] == "response.signature"
    assert ask(capsys, saved, "retry", "sub-1", *OFFICER)["refusals"] == 0


def test_watch_tells_everything_once_and_then_what_changed(
    saved: Path, tmp_path: Path, live: PkiPaths, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    looks: list[float] = []

    def sleep(self: SystemClock, seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 2:
            with opened(tmp_path, live) as queue:
                queue.hold("sub-1")
        if len(looks) == 4:
            with opened(tmp_path, live) as queue:
                queue.database.sql("UPDATE submission SET state = 'custody'")

    monkeypatch.setattr(SystemClock, "sleep", sleep)
    capsys.readouterr()
    words = ["watch", "--every", "3", "--until-empty", "--config", str(saved), "--json"]
    assert run(queue_cli, *words) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["counts"] for line in lines] == [{"ready": 1}, {"held": 1}, {"custody": 1}]
    assert [len(line["changed"]) for line in lines] == [1, 1, 1]
    assert looks == [3.0] * 4
    assert "TCN0000001" in say(capsys, saved, "watch", "--looks", "2")

    def ctrl_c(self: SystemClock, seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(SystemClock, "sleep", ctrl_c)
    assert "1 custody" in say(capsys, saved, "watch")


def test_station_sync_sends_by_mail_and_takes_the_receipt_from_the_mailbox(
    saved: Path, tmp_path: Path, live: PkiPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    with post_office(live, tmp_path) as post, opened(tmp_path, live) as queue:
        text = saved.read_text()
        address = next(line for line in text.splitlines() if line.startswith("url"))
        more = (
            f'[gateway.options]\nsender = "a@b.c"\nrecipient = "d@e.f"\nmailbox = "{post.mailbox}"\n[access]'
        )
        saved.write_text(text.replace(address, f'url = "{post.url}"').replace("[access]", more))
        stored = queue.entry("sub-1")
        assert run(sync_cli, "--config", str(saved), "--once") == 1
        assert "1 unsure" in capsys.readouterr().out
        receipt = sign(receipt_bytes(stored), load_signer(live.receipt_signing_uri), SystemClock().utcnow())
        post.deliver(message("receipt", "RECEIPT", receipt.receipt, receipt.signature, "a@b.c"))
        queue.database.sql("UPDATE submission SET retry_boot = NULL, retry_at_ms = NULL")
        assert run(sync_cli, "--config", str(saved), "--once") == 0
        assert queue.counts() == {"custody": 1}


@pytest.fixture
def site(tmp_path: Path) -> tuple[Path, Path]:
    """Public and private sealing key of the receiving site."""
    key = ec.generate_private_key(ec.SECP256R1())
    public, private = tmp_path / "site.pem", tmp_path / "site.key"
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    private.touch(mode=0o600)
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return public, private


@pytest.fixture
def elsewhere(saved: Path, live: PkiPaths) -> Path:
    """The settings of another station, with an empty queue."""
    folder = saved.parent / "elsewhere"
    folder.mkdir()
    path = folder / "station.toml"
    path.write_text(saved.read_text().replace('id = "ST-1"', 'id = "ST-2"'))
    vault = Vault.load(live.station_vault_key)
    Queue.open(folder / "queue.db", vault, SystemClock(), station_id="ST-2").close()
    return path


def test_a_stick_carries_entries_to_another_station(
    saved: Path, elsewhere: Path, site: tuple[Path, Path], tmp_path: Path, live: PkiPaths,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    stick = tmp_path / "stick.lsb"
    done = ask(capsys, saved, "export", "--bundle", str(stick), "--to", str(site[0]))
    assert done["entries"] == ["sub-1"]
    words = ["import", str(stick), "--key", str(site[1]), "--trust", str(live.station_ca)]
    assert ask(capsys, elsewhere, *words)["new"] == ["sub-1"]
    out = say(capsys, elsewhere, *words)
    assert "0 new, 1 known already, 0 not usable" in out
    assert "bundle" in say(
        capsys, saved, "export", "sub-1", "--bundle", str(tmp_path / "2.lsb"), "--to", str(site[0])
    )
    assert run(sync_cli, "--config", str(elsewhere), "--once") in (0, 1)
    with pytest.raises(BundleError) as error:
        run(queue_cli, "export", "--bundle", str(tmp_path / "3.lsb"), "--config", str(saved))
    assert error.value.code == "bundle.no_recipient"
    with pytest.raises(BundleError):
        run(queue_cli, "export", "--out", str(tmp_path / "out"), "--config", str(saved))
    with pytest.raises(EnvironmentFault):
        run(queue_cli, "import", str(tmp_path / "none"), *words[2:], "--config", str(elsewhere))


def test_what_is_left_out_or_unusable_is_told_with_exit_1(
    saved: Path, elsewhere: Path, site: tuple[Path, Path], tmp_path: Path, live: PkiPaths,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with opened(tmp_path, live) as queue:
        queue.enqueue(submission(2), load_signer(live.signing_uri))
        queue.database.sql("UPDATE payload SET sealed = zeroblob(300) WHERE seq = 1")
    stick = tmp_path / "stick.lsb"
    words = ["export", "--bundle", str(stick), "--to", str(site[0]), "--config", str(saved)]
    assert run(queue_cli, *words) == 1
    assert "LEFT OUT sub-1" in capsys.readouterr().out
    stick.write_bytes(stick.read_bytes()[:-3])
    words = ["import", str(stick), "--key", str(site[1]), "--trust", str(live.station_ca)]
    assert run(queue_cli, *words, "--config", str(elsewhere)) == 1
    assert "WRONG entry 1: bundle.damaged" in capsys.readouterr().out
