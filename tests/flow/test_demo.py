"""The demonstration, whole: shipped processes, real wire bytes, real TLS, and evidence that openssl believes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from station.__main__ import main
from station.records.decode import decode

REPO = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.limits(cpu_s=300, waiting_s=300)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One demonstration, as a user starts it."""
    folder = tmp_path_factory.mktemp("demo")
    out = folder / "out"
    command = [sys.executable, "-m", "station", "demo", "--out", "out", "--seed", "11"]
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=280, check=False, cwd=folder, env=environment
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (out / "told.txt").write_text(done.stdout)
    return out


def test_the_story_has_its_retake_its_wrong_finger_and_its_amputation(demo: Path) -> None:
    told = (demo / "told.txt").read_text()
    assert "retake, quality" in told
    assert "WRONG FINGER caught" in told
    assert "Left ring: not printed, annotated XX" in told
    assert "sync process killed and restarted" in told
    assert "[21/21]" in told


def test_every_impression_is_a_picture_with_something_drawn_on_it(demo: Path) -> None:
    pictures = sorted((demo / "impressions").glob("*.png"))
    assert len(pictures) == 13
    for path in pictures:
        image = cv2.imread(str(path))
        assert image is not None
        assert (image[..., 0].astype(int) - image[..., 2]).any(), f"{path.name} has no coloured marks"


def test_the_transaction_is_a_valid_car_with_thirteen_prints_and_one_amputation(demo: Path) -> None:
    txn = decode((demo / "transaction.an2").read_bytes())
    prints = txn.of_type(14)
    assert (txn.tot, len(prints)) == ("CAR", 13)
    assert [record.text(13) for record in prints] == [*"12345678", "10", "13", "14", "11", "12"]
    assert txn.of_type(2)[0].rows(84) == (("09", "XX"),)
    assert all("SIMULATED" in (record.text(904) or "") for record in prints)
    assert main(["record", "check", str(demo / "transaction.an2")]) == 0


def test_openssl_believes_the_manifest_and_the_manifest_names_the_transaction(demo: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed (Debian: openssl)")
    command = (
        "openssl cms -verify -binary -inform DER -in manifest.p7s -content manifest.json"
        " -CAfile issuing-ca.pem -out /dev/null"
    )
    assert subprocess.run(command.split(), cwd=demo, capture_output=True, check=False).returncode == 0
    manifest = json.loads((demo / "manifest.json").read_text())
    digest = hashlib.sha256((demo / "transaction.an2").read_bytes()).hexdigest()
    assert [part["sha256"] for part in manifest["parts"]] == [digest]
    forged = (demo / "manifest.json").read_bytes().replace(b"CAR", b"CNA")
    (demo / "forged.json").write_bytes(forged)
    refused = command.replace("manifest.json", "forged.json").split()
    assert subprocess.run(refused, cwd=demo, capture_output=True, check=False).returncode != 0


def test_the_custody_receipt_and_the_answer_belong_to_the_submission(demo: Path) -> None:
    receipt = json.loads((demo / "custody-receipt.json").read_text())
    txn = decode((demo / "transaction.an2").read_bytes())
    assert receipt["tcn"] == txn.tcn
    assert receipt["custody"] is True
    response = decode((demo / "response.an2").read_bytes())
    assert (response.tot, response.tcr) == ("SRE", txn.tcn)


def test_the_report_shows_the_verify_line_and_every_file_it_links(demo: Path) -> None:
    page = (demo / "report.html").read_text()
    assert "openssl cms -verify" in page
    assert "SIMULATED" in page
    for name in ("transaction.an2", "manifest.json", "manifest.p7s", "custody-receipt.json", "response.an2"):
        assert f'href="{name}"' in page
        assert (demo / name).stat().st_size > 0


def test_a_folder_that_is_not_ours_is_not_emptied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "precious.txt").write_text("keep")
    assert main(["demo", "--out", str(tmp_path)]) == 3
    assert "environment.folder_in_use" in capsys.readouterr().err
    assert (tmp_path / "precious.txt").read_text() == "keep"
