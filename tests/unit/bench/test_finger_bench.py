"""`station bench finger`: what it measures, judges and says, with NBIS stood in for, and once with NBIS itself."""

from __future__ import annotations

import argparse
import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.bench import finger, finger_report, nbis_peer
from station.bench.minutia_agreement import Points, agreement, partners


def points(*rows: tuple[float, float, float, bool]) -> Points:
    x, y, angle, ending = (
        (np.array(column) for column in zip(*rows, strict=True)) if rows else (np.zeros(0),) * 4
    )
    return Points(x.astype(float), y.astype(float), angle.astype(float), ending.astype(bool))


def test_minutiae_near_and_alike_are_partners_across_north():
    first = points((10, 10, 359, True), (50, 50, 90, False))
    second = points((13, 10, 5, True), (50, 53, 200, False))
    got = agreement(first, second)
    assert partners(first, second) == [(0, 0)]
    assert (got.of_first, got.of_second, got.kind) == (0.5, 0.5, 1.0)


def test_one_minutia_is_the_partner_of_one_only_and_the_nearest_wins():
    first = points((10, 10, 0, True), (12, 10, 0, True))
    second = points((12, 11, 0, False))
    assert partners(first, second) == [(1, 0)]
    assert agreement(first, second).kind == 0.0


def test_nothing_agrees_with_nothing():
    got = agreement(points(), points((1, 1, 1, True)))
    assert (got.of_first, got.of_second, got.kind) == (0.0, 0.0, 0.0)


@given(
    st.lists(st.tuples(st.floats(0, 500), st.floats(0, 500), st.floats(0, 359), st.booleans()), max_size=12)
)
def test_every_set_agrees_with_itself(rows):
    mine = points(*rows)
    assert agreement(mine, mine).of_first == (1.0 if rows else 0.0)


class FakeMinutiae:
    def __init__(self, seen: Points, picture: int) -> None:
        self.seen, self.picture = seen, picture

    def compare(self, other: FakeMinutiae) -> int:
        return 5


class FakeNbis:
    """Sees nothing but grey: darker pictures score lower."""

    def extract(self, gray):
        return FakeMinutiae(points((100, 100, 0, True), (120, 100, 0, True)), int(gray.mean())), int(
            gray.mean() / 3
        )

    def points(self, minutiae):
        return minutiae.seen


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    finger.add_arguments(parser)
    return parser.parse_args(words)


def test_the_bench_says_what_is_not_as_wanted_and_exits_1(monkeypatch, capsys):
    monkeypatch.setattr(finger, "Nbis", FakeNbis)
    monkeypatch.setattr(finger, "speed", lambda seed: {"grow": 1.0})
    monkeypatch.setattr(finger, "DEGRADATIONS", {"noise": (("noise", 0.5),)})
    code = finger.run(arguments("--fingers", "2", "--contact", "plain", "--degrade", "1", "--json"))
    result = json.loads(capsys.readouterr().out)
    assert code == 1
    assert result["plain"]["genuine_median"] == 5.0
    assert result["plain"]["impostors"] == 2
    assert result["degradation"]["noise"][1]["value"] == 0.5
    assert any(p.startswith("plain: genuine_median is 5.00") for p in result["problems"])


def test_the_table_names_every_figure_and_ends_with_the_verdict(monkeypatch, capsys):
    monkeypatch.setattr(finger, "Nbis", FakeNbis)
    monkeypatch.setattr(finger, "speed", lambda seed: {"grow": 1.0})
    finger.run(arguments("--fingers", "1", "--contact", "rolled", "--degrade", "0"))
    out = capsys.readouterr().out
    assert "rolled" in out
    assert "impostor_p99" in out
    assert "NOT MET  rolled: genuine_median" in out


def test_without_nbis_the_bench_exits_3_and_says_what_to_install(monkeypatch, capsys):
    def absent() -> None:
        raise ImportError("No module named 'nbis'")

    monkeypatch.setattr(finger, "Nbis", absent)
    assert finger.run(arguments()) == 3
    assert "pip install nbis-python" in capsys.readouterr().err


GOOD = {
    "nfiq2_median": 60.0,
    "count_ratio_median": 1.0,
    "count_ratio_pooled": 1.0,
    "genuine_median": 90.0,
    "impostor_p99": 11.0,
    "truth_found": 0.9,
    "found_true": 0.9,
}


def rows(*means: float) -> list[dict[str, float]]:
    return [{"value": float(i), "nfiq2_median": m, "nfiq2_mean": m} for i, m in enumerate(means)]


def test_good_figures_are_not_complained_about():
    result = {"fingers": 1, "seed": 1, "plain": GOOD, "degradation": {"wear": rows(60, 40, 20)}}
    assert finger_report.judge(result) == []
    assert finger_report.table({**result, "problems": []}).endswith("all wanted figures met")


def test_a_degradation_that_does_not_fall_at_every_step_is_named_unless_it_is_distortion():
    result = {"degradation": {"wear": rows(60, 40, 41), "distortion": rows(60, 61, 60)}}
    assert finger_report.judge(result) == ["wear: NFIQ 2 does not fall at every step: [60, 40, 41]"]


def test_usual_touches_differ_between_placements_and_repeat_for_the_same_one():
    assert finger.usual_touch(1, 2, 0) == finger.usual_touch(1, 2, 0)
    assert finger.usual_touch(1, 2, 0) != finger.usual_touch(1, 2, 1)
    assert finger.usual_touch(1, 2, 0, wear=0.4).wear == 0.4


def test_speed_is_told_for_each_thing_a_reader_asks_for(monkeypatch):
    monkeypatch.setattr(finger, "_cpu_ms", lambda job: 1.0 if job() is not None else 0.0)
    told = finger.speed(1)
    assert set(told.values()) == {1.0}
    assert "slap 1600x1500" in told


def test_an_image_on_which_nfiq2_gives_up_scores_0_and_keeps_its_minutiae(monkeypatch):
    class GaveUp(Exception):
        pass

    def extractor(settings):
        def extract(data):
            if settings["compute_nfiq2"]:
                raise GaveUp
            return "minutiae"

        return SimpleNamespace(extract_minutiae=extract)

    fake = SimpleNamespace(
        new_nbis_extractor=extractor,
        NbisExtractorSettings=lambda **settings: settings,
        NbisError=SimpleNamespace(Nfiq2ComputeFailed=GaveUp),
    )
    monkeypatch.setattr(nbis_peer.importlib, "import_module", lambda name: fake)
    assert nbis_peer.Nbis().extract(np.full((20, 20), 255, np.uint8)) == ("minutiae", 0)


@pytest.mark.parametrize("contact", ["plain", "rolled"])
def test_nist_programs_see_the_minutiae_that_are_there(contact):
    pytest.importorskip("nbis", reason="nbis-python is not installed: ./run setup")
    nbis = nbis_peer.Nbis()
    seen = [finger.look(nbis, contact, 21, index, 0) for index in range(3)]
    again = finger.look(nbis, contact, 21, 0, 1)
    assert np.mean([one.nfiq2 for one in seen]) > 45
    assert 0.8 < sum(one.found for one in seen) / sum(one.true for one in seen) < 1.2
    assert np.mean([one.truth_found for one in seen]) > 0.8
    assert np.mean([one.found_true for one in seen]) > 0.8
    assert np.mean([one.kind_agrees for one in seen]) > 0.6
    assert seen[0].minutiae.compare(again.minutiae) > 40
    assert seen[0].minutiae.compare(seen[1].minutiae) < 30
