"""Quality: the score falls with every degradation, causes name it, and a preview says the same."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station.errors import ImageError
from station.imaging import assess, assess_preview
from station.imaging.quality import blocks, causes
from station.imaging.quality import parameters as q

BOTH = pytest.mark.parametrize("judge", [assess, assess_preview])


def codes(report):
    return [cause.code for cause in report.causes]


@BOTH
@pytest.mark.parametrize("contact", ["plain", "rolled"])
def test_a_good_print_scores_high_and_has_nothing_to_mend(touch_of, judge, contact):
    report = judge(touch_of(contact).pixels, 500)
    assert report.score >= 55
    assert report.causes == ()
    assert report.algorithm == "livescan-station-q2"


@BOTH
@pytest.mark.parametrize(
    ("touch", "code"),
    [
        ({"moisture": 0.0}, "too_dry"),
        ({"moisture": 1.0}, "too_wet"),
        ({"pressure": 0.1}, "too_light"),
        ({"pressure": 0.9}, "too_hard"),
        ({"smear": 1.0}, "smeared"),
    ],
)
def test_a_bad_touch_is_named_first_and_scores_lower(touch_of, judge, touch, code):
    bad = judge(touch_of("rolled", **touch).pixels, 500)
    assert codes(bad)[0] == code
    good, bad = judge(touch_of("plain").pixels, 500), judge(touch_of("plain", **touch).pixels, 500)
    assert codes(bad)[0] == code
    assert bad.causes[0].advice == causes.ADVICE[code]
    assert bad.score < good.score - 5


@BOTH
def test_worse_is_lower_step_by_step(touch_of, judge):
    scores = [judge(touch_of("rolled", moisture=m).pixels, 500).score for m in (0.5, 0.3, 0.15, 0.0)]
    assert all(worse < better + 4 for better, worse in itertools.pairwise(scores))
    assert scores[0] > scores[-1] + 15


@BOTH
def test_a_print_that_runs_off_one_side_is_off_centre_there(touch_of, judge):
    gray = touch_of("plain").pixels
    cut = np.ascontiguousarray(gray[:, 230:])
    report = judge(cut, 500)
    found = {cause.code: cause for cause in report.causes}
    assert found["off_centre"].box == (0, 0, 36, cut.shape[0])


@BOTH
def test_a_finger_that_fills_the_platen_is_not_off_centre(touch_of, judge):
    gray = touch_of("rolled").pixels
    rows, columns = np.flatnonzero((gray < 120).any(axis=1)), np.flatnonzero((gray < 120).any(axis=0))
    middle = np.ascontiguousarray(gray[rows[0] + 80 : rows[-1] - 80, columns[0] + 80 : columns[-1] - 80])
    assert "off_centre" not in codes(judge(middle, 500))


@BOTH
def test_the_tip_alone_is_too_little(touch_of, judge):
    gray = touch_of("plain").pixels.copy()
    top = int(np.flatnonzero((gray < 120).any(axis=1))[0])
    gray[top + 100 :] = 250
    assert "too_little_area" in codes(judge(gray, 500))


@BOTH
@pytest.mark.parametrize("level", [0, 128, 250])
def test_an_empty_platen_is_blank_with_score_zero(judge, level):
    report = judge(np.full((500, 500), level, np.uint8), 500)
    assert report.score == 0
    assert codes(report) == ["blank"]


@BOTH
def test_noise_shows_no_ridges(judge):
    report = judge(np.random.default_rng(1).integers(0, 256, (500, 500), dtype=np.uint8), 500)
    assert report.score == 0
    assert codes(report) == ["no_ridges"]


@BOTH
def test_an_inverted_print_is_named_and_scores_nothing(touch_of, judge):
    report = judge(255 - touch_of("plain").pixels, 500)
    assert report.score == 0
    assert codes(report) == ["inverted"]


@BOTH
def test_a_pale_picture_is_low_in_contrast(touch_of, judge):
    gray = touch_of("plain").pixels
    pale = (230 + (gray.astype(int) - 230) // 6).astype(np.uint8)
    assert "low_contrast" in codes(judge(pale, 500))


@BOTH
def test_pictures_that_cannot_be_judged_are_refused(judge):
    with pytest.raises(ImageError, match="too_small"):
        judge(np.zeros((50, 50), np.uint8), 500)
    with pytest.raises(ImageError, match="bad_ppi"):
        judge(np.zeros((500, 500), np.uint8), 10)


@BOTH
@pytest.mark.parametrize("ppi", [250, 1000])
def test_the_same_print_scores_alike_at_other_resolutions(touch_of, judge, ppi):
    gray = touch_of("plain").pixels
    other = cv2.resize(gray, None, fx=ppi / 500, fy=ppi / 500, interpolation=cv2.INTER_AREA)
    assert abs(judge(other, ppi).score - judge(gray, 500).score) <= 14


def test_a_report_can_be_written_as_json(touch_of):
    report = assess(touch_of("rolled", moisture=1.0).pixels, 500)
    assert json.loads(json.dumps(asdict(report)))["measures"]["solid"] > 0.04


def test_causes_come_worst_first_with_a_severity_from_zero_to_one(touch_of):
    report = assess(touch_of("rolled", moisture=0.0, pressure=0.2).pixels, 500)
    severities = [cause.severity for cause in report.causes]
    assert severities == sorted(severities, reverse=True)
    assert all(0 < severity <= 1 for severity in severities)


def test_every_cause_has_an_advice():
    assert set(causes.RULES) | {"blank", "inverted", "off_centre", "moved"} == set(causes.ADVICE)


def test_a_box_lies_within_the_picture(touch_of):
    gray = touch_of("rolled", moisture=1.0).pixels
    for cause in assess(gray, 500).causes:
        if cause.box is not None:
            x, y, width, height = cause.box
            assert x >= 0
            assert y >= 0
            assert x + width <= gray.shape[1] + 4
            assert y + height <= gray.shape[0] + 4


def test_the_algorithm_is_named_as_ours():
    assert q.ALGORITHM == "livescan-station-q2"


def test_the_score_follows_nfiq2_on_real_prints(shared_data):
    lines = (shared_data / "prints" / "nfiq2_reference.csv").read_text().splitlines()[1:]
    rows = [line.split(",") for line in lines if line.startswith(("fvc2002_db2b", "uareu_a"))][::8]
    pairs = []
    for folder, name, _, _, nfiq2, _ in rows:
        gray = cv2.imread(str(shared_data / "prints" / folder / name), cv2.IMREAD_GRAYSCALE)
        if gray is not None and nfiq2.isdigit() and int(nfiq2) <= 100:
            pairs.append((assess(gray, 569 if folder == "fvc2002_db2b" else 500).score, int(nfiq2)))
    ours, theirs = (np.argsort(np.argsort(values)) for values in zip(*pairs, strict=True))
    assert np.corrcoef(ours, theirs)[0, 1] > 0.7


def test_blocks_are_the_same_whether_or_not_it_is_known_where_the_contact_is(touch_of):
    gray = touch_of("plain").pixels
    rows, columns = np.flatnonzero((gray < 120).any(axis=1)), np.flatnonzero((gray < 120).any(axis=0))
    around = (columns[0], rows[0], columns[-1] - columns[0], rows[-1] - rows[0])
    whole, near = blocks.look(gray), blocks.look(gray, tuple(int(n) for n in around))
    assert len(near) == pytest.approx(len(whole), abs=4)
    assert near.clarity.mean() == pytest.approx(whole.clarity.mean(), abs=0.01)


@pytest.mark.parametrize("within", [(0, 0, 1, 1), (480, 480, 20, 20), (-50, -50, 900, 900)])
def test_a_place_at_the_edge_or_beyond_is_held_to_the_picture(touch_of, within):
    assert len(blocks.look(touch_of("plain").pixels, within)) >= 0


def test_an_empty_platen_has_no_blocks():
    assert len(blocks.look(np.full((500, 500), 250, np.uint8))) == 0


@given(
    st.integers(0, 2**31),
    st.integers(100, 300),
    st.integers(100, 300),
    st.sampled_from([250, 333, 500, 1200]),
)
@settings(max_examples=40, deadline=None)
def test_any_picture_gets_a_score_from_0_to_100_and_a_reason_when_it_is_0(seed, high, wide, ppi):
    chance = np.random.default_rng(seed)
    gray = chance.integers(0, 256, (high, wide), dtype=np.uint8)
    gray = cv2.GaussianBlur(gray, (0, 0), float(chance.uniform(0.3, 6.0))).astype(np.uint8)
    report = assess(gray, ppi)
    assert 0 <= report.score <= 100
    assert report.causes or report.score > 0
