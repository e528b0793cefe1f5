"""`station record build|diff|extract|check|show`: typed as a person would, on synthetic prints."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from station.__main__ import main
from station.demo import record_example
from station.imaging.codecs import wsq20
from station.records import tot
from station.records.decode import decode
from station.records.tot import car
from station.records.transaction import BinaryRecord, type_four


@pytest.fixture(scope="module", autouse=True)
def _an_image_is_coded_once() -> Iterator[None]:
    """The same fourteen prints go through WSQ in every test: the second time from memory."""
    coded: dict[bytes, bytes] = {}
    pixels: dict[bytes, np.ndarray] = {}
    encode, decode_pixels = wsq20.encode, wsq20.decode

    def encoded(gray: np.ndarray, ppi: int) -> bytes:
        key = hashlib.sha256(repr((gray.shape, ppi)).encode() + gray.tobytes()).digest()
        if key not in coded:
            coded[key] = encode(gray, ppi)
        return coded[key]

    def decoded(data: bytes) -> np.ndarray:
        if data not in pixels:
            pixels[data] = decode_pixels(data)
        return pixels[data].copy()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wsq20, "encode", encoded)
        patch.setattr(wsq20, "decode", decoded)
        yield


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example")
    record_example.write(folder)
    return folder


@pytest.fixture(scope="module")
def one_print(example: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with the right thumb only: enough to be refused."""
    folder = tmp_path_factory.mktemp("one")
    for name in ("subject.toml", "01-rolled.png"):
        shutil.copy(example / name, folder / name)
    return folder


def build(example: Path, out: Path, *more: str, subject: Path | None = None) -> int:
    given = subject or example / "subject.toml"
    return main(
        ["record", "build", "--subject", str(given), "--prints", str(example), "--out", str(out), *more]
    )


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def edited(example: Path, tmp_path: Path, *changes: tuple[str, str]) -> Path:
    text = (example / "subject.toml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "subject.toml"
    path.write_text(text)
    return path


def test_the_example_can_be_written_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_example, "write", lambda folder: [folder / "subject.toml"])
    assert main(["record", "build", "--example", str(tmp_path), "--json"]) == 0
    assert told(capsys)["written"] == [str(tmp_path / "subject.toml")]


@pytest.mark.parametrize("form", ["4", "14"])
@pytest.mark.parametrize("kind", ["CAR", "RPIS", "MAP"])
def test_the_example_builds_and_checks_without_a_finding(
    example: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, form: str
) -> None:
    out = tmp_path / "t.an2"
    assert build(example, out, "--tot", kind, "--profile", "example_sib", "--type", form, "--json") == 0
    findings = told(capsys)["findings"]
    assert {each["code"] for each in findings} <= {"build.left_out"}
    assert main(["record", "check", str(out), "--tot", kind, "--profile", "example_sib", "--json"]) == 0
    assert told(capsys)["findings"] == []


def test_slaps_carry_boxes_and_outlines_of_their_fingers(example: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.an2"
    assert build(example, out) == 0
    slap = next(each for each in decode(out.read_bytes()).of_type(14) if each.text(13) == "13")
    assert [row[0] for row in slap.rows(21)] == ["2", "3", "4", "5"]
    assert [row[0] for row in slap.rows(25)] == ["2", "3", "4", "5"]


def test_a_missing_finger_is_annotated_and_its_print_is_not_wanted(
    example: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subject = edited(example, tmp_path, ("# [missing]", "[missing]"), ('# 9 = "XX"', '9 = "XX"'))
    assert build(example, tmp_path / "t.an2", subject=subject) == 1
    assert "record.missing_finger_printed" in capsys.readouterr().err


def test_errors_stop_the_writing_unless_forced(
    example: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subject = edited(example, tmp_path, ('SEX = "X"', 'SEX = "Q"'))
    out = tmp_path / "t.an2"
    assert build(example, out, subject=subject) == 1
    assert not out.exists()
    assert "2.024" in capsys.readouterr().out
    assert build(example, out, "--force", subject=subject) == 1
    assert decode(out.read_bytes()).tot == "CAR"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (('SEX = "X"', 'SEXX = "X"'), "record.unknown_field"),
        (("[reader]", "[lector]"), "record.subject_file"),
        (("# [missing]", '[missing]\n11 = "XX"'), "record.subject_file"),
        (('NAM = "SAMPLE,SYNTHETIC PERSON"', 'NAM = "SAMPLE,A\\u001dB"'), "record.separator_in_value"),
        (('NAM = "SAMPLE,SYNTHETIC PERSON"', 'NAM = "МАРИЯ,А"'), "record.not_ascii"),
    ],
)
def test_a_subject_file_that_cannot_be_meant_is_refused(
    example: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], code: str
) -> None:
    assert build(example, tmp_path / "t.an2", subject=edited(example, tmp_path, change)) != 0
    assert code in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (["--tot", "SRE"], "record.unknown_tot"),
        (["--tot", "XYZ"], "record.unknown_tot"),
        (["--profile", "nowhere"], "record.profile"),
        (["--ppi", "1000", "--type", "4"], "record.type_4"),
    ],
)
def test_what_cannot_be_built_is_refused_with_a_code(
    one_print: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], code: str
) -> None:
    assert build(one_print, tmp_path / "t.an2", *more) != 0
    assert code in capsys.readouterr().err


def test_a_folder_without_prints_and_a_position_that_is_none_are_named(
    example: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subject = example / "subject.toml"
    assert build(tmp_path, tmp_path / "t.an2", subject=subject) == 3
    cv2.imwrite(str(tmp_path / "77-rolled.png"), np.full((200, 200), 200, np.uint8))
    assert build(tmp_path, tmp_path / "t.an2", subject=subject) == 1
    assert "record.position" in capsys.readouterr().err
    assert main(["record", "build", "--tot", "CAR"]) == 1


def test_two_files_are_compared_field_by_field(
    example: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = tmp_path / "a.an2", tmp_path / "b.an2"
    subject = edited(example, tmp_path, ('ori = "XX0010000"', 'ori = "XX0010000"\ntcn = "SAME-NUMBER-1"'))
    assert build(example, a, "--profile", "example_sib", "--force", subject=subject) == 1
    b.write_bytes(a.read_bytes().replace(b"SAMPLE,SYNTHETIC", b"SIMPLE,SYNTHETIC"))
    capsys.readouterr()
    assert main(["record", "diff", str(a), str(b), "--json"]) == 1
    (one,) = told(capsys)["differences"]
    assert (one["record"], one["field"]) == (1, "2.018")
    assert main(["record", "diff", str(a), str(a)]) == 0
    b.write_bytes(a.read_bytes() + b"\n")
    assert main(["record", "diff", str(a), str(b)]) == 1


@pytest.mark.parametrize("form", ["4", "14"])
def test_images_come_out_as_they_went_in(
    example: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    out, folder = tmp_path / "t.an2", tmp_path / "parts"
    assert build(example, out, "--type", form) == 0
    assert main(["record", "extract", str(out), str(folder), "--png"]) == 0
    files = sorted(folder.glob("*.wsq"))
    assert len(files) == 14
    record = decode(out.read_bytes()).records[2]
    data = type_four(record).data if isinstance(record, BinaryRecord) else record.data
    assert files[0].read_bytes() == data
    assert len(list(folder.glob("*.png"))) == 14


def test_the_page_holds_the_pictures_and_nothing_from_elsewhere(example: Path, tmp_path: Path) -> None:
    out, page = tmp_path / "t.an2", tmp_path / "t.html"
    assert build(example, out) == 0
    assert main(["record", "show", str(out), "--html", str(page)]) == 0
    text = page.read_text()
    assert text.count("data:image/png;base64,") == 14
    assert not re.search(r'(src|href)="http', text)
    assert "SAMPLE,SYNTHETIC PERSON" in text


def test_a_damaged_file_is_shown_as_far_as_it_goes(
    example: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "t.an2"
    assert build(example, out) == 0
    out.write_bytes(out.read_bytes()[:200_000])
    capsys.readouterr()
    assert main(["record", "show", str(out)]) == 1
    shown = capsys.readouterr()
    assert "SAMPLE,SYNTHETIC PERSON" in shown.out
    assert "record.truncated" in shown.err
    assert main(["record", "extract", str(out), str(tmp_path / "parts")]) == 1
    assert main(["record", "check", str(out), "--tot", "CNA", "--json"]) == 1
    found = {each["code"]: each for each in json.loads(capsys.readouterr().out.splitlines()[-1])["findings"]}
    assert "type1.tot_wanted" in found
    assert found["record.truncated"]["offset"] > 0


def test_every_submission_has_a_form_for_both_record_types() -> None:
    kinds = [tot.load(name) for name in tot.names()]
    submissions = {kind.TOT for kind in kinds if not kind.RESPONSE}
    assert submissions == {"CAR", "CNA", "CPDR", "CPNU", "RPIS", "NFUF", "FANC", "MAP", "AMN"}
    assert car.PRINTS == (1, 46)
