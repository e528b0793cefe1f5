"""The runner of the queue's campaigns: which there are, what it prints, when it fails."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from station.bench import queue as bench


def _module(result: dict[str, Any], **more: Any) -> ModuleType:
    module = ModuleType("campaign")

    def run(runs: int, seed: int, progress: Callable[[str], None]) -> dict[str, Any]:
        progress("half way")
        return result | {"asked": [runs, seed]}

    vars(module).update(more | {"run": run})
    return module


def _run(monkeypatch: pytest.MonkeyPatch, found: dict[str, ModuleType], *words: str) -> int:
    monkeypatch.setattr(bench, "campaigns", lambda: found)
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    return bench.run(parser.parse_args([*words]))


def test_campaigns_are_found_by_their_file_names() -> None:
    assert {"network", "outage"} <= set(bench.campaigns())
    assert "world" not in bench.campaigns(), "a helper without run()"


def test_one_json_line_a_campaign_with_its_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = _module({"must_be_zero": {"lost": 0}})
    assert _run(monkeypatch, {"kill": good, "own": _module({"must_be_zero": {}}, RUNS=7)}, "--json") == 0
    kill, own = map(json.loads, capsys.readouterr().out.splitlines())
    assert (kill["campaign"], kill["asked"]) == ("kill", [2000, 1])
    assert own["asked"] == [7, 1]


def test_a_count_that_is_not_zero_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {"a": _module({"must_be_zero": {"lost": 0}}), "b": _module({"must_be_zero": {"falsely_sent": 2}})}
    assert _run(monkeypatch, found, "--runs", "3") == 1
    assert "b         BAD  3 runs" in capsys.readouterr().out


def test_all_leaves_out_what_only_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {
        "a": _module({"must_be_zero": {}}),
        "speed": _module({"must_be_zero": {"slow": 1}}, IN_ALL=False),
    }
    assert _run(monkeypatch, found) == 0
    assert _run(monkeypatch, found, "--campaign", "a,speed") == 1


def test_nothing_but_skipped_campaigns_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, {"power": _module({"skipped": "there is no C compiler"})}) == 3
    assert "no C compiler" in capsys.readouterr().out


def test_an_unknown_campaign_is_a_mistake_of_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run(monkeypatch, {}, "--campaign", "moon") == 2
