"""`station record`: what it prints, and the four exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from station.__main__ import main
from station.records.encode import encode
from station.records.header import Header, transaction
from station.records.tot import car, sre
from station.records.transaction import TypeFour, text, type_four_record
from tests.unit.records.kit import DAT, HEADER, SUBJECT, changed, good, tenprint, wsq


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "transaction.an2"
    path.write_bytes(encode(good()))
    return path


def test_show_prints_every_field_with_its_mnemonic(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", "show", str(file)]) == 0
    out = capsys.readouterr().out
    assert "2.018    NAM   SAMPLE,SYNTHETIC PERSON" in out
    assert "14.999   DATA" in out
    assert "sha256" in out


def test_show_as_json_gives_fields_as_rows_and_images_as_digests(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["record", "show", "--json", str(file)]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["tot"], shown["tcn"], shown["tcr"]) == ("CAR", "SIM-2026-000001", None)
    assert len(shown["records"]) == 16
    fields = {each["mnemonic"]: each for each in shown["records"][1]["fields"]}
    assert fields["ASL"]["value"] == [["20261122", "SYNTHETIC OFFENCE"], ["", "ANOTHER"]]
    assert shown["records"][2]["fields"][-1]["size"] == len(wsq(filler=b"x"))


def test_show_of_a_type_4_and_of_a_long_or_odd_value_is_readable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    four = type_four_record(TypeFour(1, 1, (1,), 0, 8, 4, 1, wsq(8, 4)))
    seven = type(four)(7, (9).to_bytes(4) + b"\x02    ")
    body = changed(good(), 1, text(41, "R" * 300)).records[1]
    path = tmp_path / "four.an2"
    path.write_bytes(encode(transaction("CAR", HEADER, [type(body)(2, body.fields[1:]), four, seven])))  # type: ignore[union-attr,call-arg]
    assert main(["record", "show", str(path)]) == 0
    out = capsys.readouterr().out
    assert "(300 characters)" in out
    assert "cga    WSQ20" in out
    assert "size   9" in out


def test_show_of_a_response_ends_with_plain_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = Header("BUREAU-00001", "XX0010000", "EXSIB0000", DAT, HEADER.gmt, tcr="SIM-2026-000001")
    path = tmp_path / "response.an2"
    path.write_bytes(encode(sre.build(answer, {"SRF": "N"})))
    assert main(["record", "show", str(path)]) == 0
    assert "This search returned no candidate." in capsys.readouterr().out


def test_check_of_a_good_file_is_0_and_of_a_faulty_one_is_1(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["record", "check", "--no-images", str(file)]) == 0
    assert "0 errors" in capsys.readouterr().out
    file.write_bytes(encode(car.build(HEADER, {**SUBJECT, "SEX": "Q"}, tenprint())))
    assert main(["record", "check", "--no-images", "--json", str(file)]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert report["findings"][0]["field"] == "2.024"


def test_check_without_the_option_decodes_the_images(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", "check", str(file)]) == 1
    assert "image.undecodable" in capsys.readouterr().out


def test_check_of_a_malformed_file_is_1_with_the_reason(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes(file.read_bytes()[:-5])
    assert main(["record", "check", "--no-images", str(file)]) == 1
    assert "record.truncated" in capsys.readouterr().out


def test_copy_writes_the_same_bytes(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "copy.an2"
    assert main(["record", "copy", str(file), str(target), "--json"]) == 0
    assert target.read_bytes() == file.read_bytes()
    assert json.loads(capsys.readouterr().out)["size"] == len(file.read_bytes())
    assert main(["record", "copy", str(file), str(target)]) == 0
    assert "identical" in capsys.readouterr().out


def test_copy_refuses_what_it_would_change(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("station.cli.record.encode", lambda _: b"other")
    target = tmp_path / "copy.an2"
    assert main(["record", "copy", str(file), str(target)]) == 1
    assert not target.exists()
    assert "record.not_identical" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_or_written_is_3(file: Path, tmp_path: Path) -> None:
    assert main(["record", "show", str(tmp_path / "none.an2")]) == 3
    assert main(["record", "copy", str(file), str(tmp_path / "no" / "folder.an2")]) == 3


def test_wrong_usage_is_2() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["record", "frobnicate"])
    assert caught.value.code == 2
