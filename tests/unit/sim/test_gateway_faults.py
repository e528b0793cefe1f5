"""The fault script: what a rule may say, how it counts, and what happens while it is edited."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station.errors import SettingsError
from station.sim.gateway_faults import FaultScript, parse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["on", "nth", "do", "seconds", "other"]), inner, max_size=4)
    ),
    max_leaves=8,
)


def script(path: Path, rules: Any) -> FaultScript:
    path.write_text(json.dumps(rules))
    return FaultScript(path)


def struck(faults: FaultScript, on: str) -> list[str]:
    return [fault.do for fault in faults.request(on)]


def test_a_rule_strikes_at_the_numbers_it_names_and_only_its_own_requests(tmp_path: Path) -> None:
    faults = script(tmp_path / "f.json", [{"on": "submit", "nth": [1, 3], "do": "html"}])
    assert struck(faults, "status") == []
    assert [struck(faults, "submit") for _ in range(4)] == [["html"], [], ["html"], []]


def test_a_rule_without_number_strikes_always(tmp_path: Path) -> None:
    faults = script(tmp_path / "f.json", [{"on": "responses", "do": "503"}])
    assert [struck(faults, "responses") for _ in range(3)] == [["503"]] * 3


def test_a_rule_added_while_running_begins_to_count_at_one(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    faults = script(path, [])
    assert [struck(faults, "submit") for _ in range(5)] == [[]] * 5
    path.write_text(json.dumps([{"on": "submit", "nth": [1], "do": "slow"}]))
    assert [struck(faults, "submit") for _ in range(2)] == [["slow"], []]


def test_a_script_half_written_leaves_the_last_good_rules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "f.json"
    faults = script(path, [{"on": "submit", "do": "html"}])
    path.write_text('[{"on": "sub')
    assert struck(faults, "submit") == ["html"]
    assert "fault script" in capsys.readouterr().err
    path.unlink()
    assert struck(faults, "submit") == []


def test_certificate_faults_count_handshakes_and_not_requests(tmp_path: Path) -> None:
    faults = script(tmp_path / "f.json", [{"do": "wrong_certificate", "nth": [2], "certificate": "expired"}])
    assert struck(faults, "submit") == []
    assert faults.handshake() is None
    second = faults.handshake()
    assert second is not None
    assert second.certificate == "expired"


def test_without_a_script_nothing_strikes(tmp_path: Path) -> None:
    assert FaultScript(None).request("submit") == ()
    assert FaultScript(tmp_path / "absent.json").handshake() is None


@pytest.mark.parametrize(
    "rules",
    [
        {},
        ["html"],
        [{"do": "explode"}],
        [{"do": "html", "on": "elsewhere"}],
        [{"do": "html", "nth": 1}],
        [{"do": "html", "nth": [0]}],
        [{"do": "html", "nth": [True]}],
        [{"do": "slow", "seconds": -1}],
        [{"do": "slow", "seconds": "1"}],
        [{"do": "503", "retry_after": 10**9}],
        [{"do": "html", "when": 1}],
        [{"do": "wrong_certificate", "certificate": "pretty"}],
    ],
)
def test_a_wrong_rule_stops_the_start(tmp_path: Path, rules: Any) -> None:
    with pytest.raises(SettingsError):
        script(tmp_path / "f.json", rules)


@settings(deadline=None)
@given(JSON)
def test_any_document_gives_rules_or_a_settings_error(document: object) -> None:
    try:
        rules = parse(document)
    except SettingsError:
        return
    assert isinstance(document, list)
    assert len(rules) == len(document)
