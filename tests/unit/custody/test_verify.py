from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline_queue import canonical, cms
from offline_queue.errors import QueueError
from station.custody import bundle, command
from station.custody.verify import verify
from station.sim.pki import PkiPaths, make_pki
from tests.conftest import FrozenClock
from tests.unit.custody.kit import Station
from tests.unit.offline_queue.kit import receipt_bytes

Change = Callable[[Station, dict[str, Any]], None]


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PkiPaths:
    return make_pki(tmp_path_factory.mktemp("pki"), FrozenClock())


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory, pki: PkiPaths) -> Iterator[Station]:
    made = Station(tmp_path_factory.mktemp("queue"), pki)
    yield made
    made.queue.close()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def said(text: str) -> dict[str, Any]:
    return canonical.loads(base64.b64decode(text))


def test_a_whole_bundle_tells_who_did_what_when_and_in_which_order(station: Station) -> None:
    report = station.python(station.bundle(content=True))
    assert report["first_broken"] is None
    assert (report["ok"], report["submission_id"], report["tcn"]) == (True, "sub-2", "TCN0000002")
    steps = [step["step"] for step in report["steps"]]
    assert steps[:3] == ["captured and signed", "sent or asked for", "received"]
    assert steps.count("answer kept") == 2
    assert [step["row"] for step in report["steps"]] == sorted(step["row"] for step in report["steps"])
    assert all(step["trust"] == "confirmed" for step in report["steps"])
    assert set(report["signers"]) >= {"manifest", "seals", "receipt", "response 1", "response 2"}
    assert report["signers"]["transaction"] == "checked"
    assert "SIMULATED" in report["signers"]["receipt"]


@pytest.mark.parametrize("name", ["sub-1", "sub-2", "sub-3"])
@pytest.mark.parametrize("whole", [False, True])
def test_every_entry_has_a_bundle_that_holds_with_both_verifiers(
    station: Station, tmp_path: Path, name: str, whole: bool
) -> None:
    made = station.bundle(name, whole=whole)
    assert station.python(made)["first_broken"] is None
    (tmp_path / "b.json").write_bytes(canonical.dumps(made))
    assert station.node(tmp_path / "b.json")[0]["first_broken"] is None


def test_a_bundle_holds_only_the_part_of_the_chain_that_matters(station: Station) -> None:
    short, whole = station.bundle("sub-3"), station.bundle("sub-3", whole=True)
    assert whole["chain"]["first"] == 1 < short["chain"]["first"]
    assert whole["chain"]["rows"][short["chain"]["first"] - 1 :] == short["chain"]["rows"]


def _sealed(station: Station, made: dict[str, Any], n: int, **changes: Any) -> None:
    """A signed head that says something else, signed well."""
    statement = canonical.dumps(said(made["seals"][n]["statement"]) | changes)
    made["seals"][n] = {"statement": b64(statement), "signature": b64(station.sign(statement))}


def _receipt(station: Station, made: dict[str, Any], **changes: Any) -> None:
    entry = station.queue.entry("sub-2")
    content = receipt_bytes(entry, **changes)
    made["receipt"] = {
        "receipt": b64(content),
        "signature": b64(_gateway_sign(station, content)),
    }


def _gateway_sign(station: Station, content: bytes) -> bytes:
    return cms.sign_detached(content, station.gateway.signer, station.clock.utcnow())


def _manifest(station: Station, made: dict[str, Any], **changes: Any) -> None:
    content = canonical.dumps(said(made["manifest"]) | changes)
    made["manifest"], made["signature"] = b64(content), b64(station.sign(content))


CHANGES: dict[str, tuple[Change, str]] = {
    "another format": (lambda s, b: b.update(format="x"), "format"),
    "another version": (lambda s, b: b.update(version=2), "format"),
    "no chain": (lambda s, b: b.pop("chain"), "format"),
    "rows of another kind": (lambda s, b: b["chain"].update(rows=[1]), "format"),
    "no rows": (lambda s, b: b["chain"].update(rows=[]), "chain"),
    "a start that was moved": (lambda s, b: b["chain"].update(before="11" * 32), "chain"),
    "a short hash": (lambda s, b: b["chain"].update(before="11"), "format"),
    "a row less": (lambda s, b: b["chain"]["rows"].pop(1), "chain"),
    "a row cut off": (lambda s, b: b["chain"]["rows"].pop(), "seal"),
    "a signed head of nobody": (lambda s, b: b["seals"][-1].update(signature=b64(b"x")), "seal"),
    "a signed head with another text": (
        lambda s, b: b["seals"][-1].update(statement=b["seals"][0]["statement"]),
        "seal",
    ),
    "a signed head of the gateway": (
        lambda s, b: b["seals"][-1].update(
            signature=b64(_gateway_sign(s, base64.b64decode(b["seals"][-1]["statement"])))
        ),
        "seal",
    ),
    "another hash, signed": (lambda s, b: _sealed(s, b, -1, hash="00" * 32), "seal"),
    "an untrusted clock, signed": (lambda s, b: _sealed(s, b, -1, trust="unknown"), "seal"),
    "a time outside the certificate": (lambda s, b: _sealed(s, b, -1, at="2036-01-01T00:00:00.000Z"), "seal"),
    "no signed head at the end": (lambda s, b: b["seals"].pop(), "seal"),
    "no signed head before": (lambda s, b: b["seals"].pop(0), "seal"),
    "a manifest of nobody": (lambda s, b: b.update(signature=b["seals"][0]["signature"]), "manifest"),
    "a manifest in another spelling": (lambda s, b: b.update(manifest=b64(b'{"a": 1}')), "manifest"),
    "a manifest of another schema": (lambda s, b: _manifest(s, b, schema=2), "manifest"),
    "a manifest for another submission": (lambda s, b: _manifest(s, b, submission_id="sub-9"), "enqueued"),
    "a manifest signed again": (lambda s, b: _manifest(s, b, tot="SRE"), "enqueued"),
    "a counter-signature of nobody": (
        lambda s, b: b["counter_signatures"].append(
            {"n": 1, "signature": b["signature"], "signed_at": "2026-03-02T10:00:00.000Z", "reason": ""}
        ),
        "counter_signature",
    ),
    "no receipt": (lambda s, b: b.update(receipt=None), "receipt"),
    "a receipt of nobody": (lambda s, b: b["receipt"].update(signature=b["signature"]), "receipt"),
    "a receipt signed again": (lambda s, b: _receipt(s, b, gateway="OTHER"), "receipt"),
    "a receipt for another": (lambda s, b: _receipt(s, b, tcn="TCN0000009"), "receipt"),
    "no custody": (lambda s, b: _receipt(s, b, custody=False), "receipt"),
    "an answer less": (lambda s, b: b["responses"].pop(), "response"),
    "an answer of nobody": (lambda s, b: b["responses"][0].update(signature=b["signature"]), "response"),
    "an answer with another number": (lambda s, b: b["responses"][0].update(seq=7), "response"),
    "answers exchanged": (
        lambda s, b: b["responses"][0].update(sha256=b["responses"][1]["sha256"]),
        "response",
    ),
    "another transaction": (lambda s, b: b["transaction"].update(content=b64(b"other")), "transaction"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_first_broken_link_is_named(station: Station, name: str) -> None:
    change, link = CHANGES[name]
    made = station.bundle()
    change(station, made)
    report = station.python(made)
    assert not report["ok"]
    assert report["first_broken"]["link"] == link
    assert report["steps"] == []


def test_both_verifiers_name_the_same_link_and_row(station: Station, tmp_path: Path) -> None:
    paths, wanted = [], []
    for number, (change, _) in enumerate(CHANGES.values()):
        made = station.bundle()
        change(station, made)
        paths.append(tmp_path / f"{number}.json")
        paths[-1].write_bytes(canonical.dumps(made))
        wanted.append(station.python(made)["first_broken"])
    found = [report["first_broken"] for report in station.node(*paths)]
    assert [(one["link"], one["row"]) for one in found] == [(one["link"], one["row"]) for one in wanted]


def test_a_counter_signature_over_the_first_signature_is_accepted_by_both(
    station: Station, tmp_path: Path
) -> None:
    made = station.bundle()
    over = station.sign(base64.b64decode(made["signature"]))
    made["counter_signatures"] = [
        {"n": 1, "signature": b64(over), "signed_at": "2026-03-02T10:00:00.000Z", "reason": "certificate"}
    ]
    (tmp_path / "b.json").write_bytes(canonical.dumps(made))
    for report in (station.python(made), *station.node(tmp_path / "b.json")):
        assert report["ok"]
        assert "counter_signature 1" in report["signers"]


def test_time_that_runs_backwards_within_a_boot_is_named(station: Station) -> None:
    made = station.bundle("sub-1", whole=True)
    rows, prev = made["chain"]["rows"], bytes(32)
    for number, item in enumerate(rows, start=1):
        row = json.loads(item["row"]) | ({"monotonic_ms": 1} if number == 3 else {})
        item["row"] = canonical.dumps(row).decode()
        prev = hashlib.sha256(prev + item["row"].encode()).digest()
        item["hash"] = prev.hex()
    assert station.python(made)["first_broken"] == {
        "link": "order",
        "row": 3,
        "reason": "within a boot, time runs backwards",
    }


def test_an_authority_nobody_trusts_proves_nothing(station: Station) -> None:
    made = canonical.dumps(station.bundle())
    report = verify(made, (), ())
    assert report["first_broken"]["link"] == "seal"


@given(data=st.binary(max_size=300))
def test_bytes_that_are_no_bundle_are_a_broken_format_and_never_an_exception(data: bytes) -> None:
    assert verify(data, (), ())["first_broken"]["link"] == "format"


@given(seed=st.integers(0, 10**9))
def test_a_flipped_bit_breaks_the_bundle_or_changes_nothing_it_proves(station: Station, seed: int) -> None:
    whole = canonical.dumps(station.bundle(content=True))
    made = bytearray(whole)
    made[seed % len(made)] ^= 1 << seed // len(made) % 8
    report, wanted = station.python(bytes(made)), station.python(whole)
    assert not report["ok"] or report == wanted


def test_files_and_folders_are_verified_by_both_programs(
    station: Station, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = station.queue.entry("sub-2")
    bundle.write(station.queue, entry, tmp_path / "b.json", station.signer)
    bundle.write(station.queue, entry, tmp_path / "folder", station.signer)
    both = [str(tmp_path / "b.json"), str(tmp_path / "folder")]
    authorities = ["--ca", str(station.pki.station_ca), "--gateway-ca", str(station.pki.gateway_ca)]
    assert command.main([*both, *authorities]) == 0
    assert capsys.readouterr().out.count("PROVEN") == 2
    assert all(report["ok"] for report in station.node(*map(Path, both)))
    (tmp_path / "folder/transaction.an2").chmod(0o600)
    (tmp_path / "folder/transaction.an2").write_bytes(b"other")
    assert command.main([*both, *authorities]) == 1
    assert "transaction: these bytes are not" in capsys.readouterr().out
    assert [report["ok"] for report in station.node(*map(Path, both))] == [True, False]


def test_a_bundle_that_is_not_there_and_an_authority_that_is_none(
    station: Station, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = ["--ca", str(station.pki.station_ca), "--gateway-ca", str(station.pki.gateway_ca)]
    assert command.main([str(tmp_path / "absent.json"), *good, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["first_broken"]["link"] == "format"
    (tmp_path / "empty.pem").touch()
    assert command.main(["x", "--ca", str(tmp_path / "empty.pem"), *good[2:]]) == 3


def test_nothing_is_overwritten(station: Station, tmp_path: Path) -> None:
    (tmp_path / "b.json").touch()
    with pytest.raises(QueueError) as error:
        bundle.write(station.queue, station.queue.entry("sub-1"), tmp_path / "b.json", station.signer)
    assert error.value.code == "export.exists"
    with pytest.raises(QueueError) as error:
        bundle.write(station.queue, station.queue.entry("sub-1"), tmp_path / "no/b.json", station.signer)
    assert error.value.code == "export.cannot_write"
