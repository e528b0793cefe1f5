"""What NIST's mindtct and bozorth3 make of our minutiae, through nbis-python. Skipped where its wheel does not load.

nbis-python's reader of ISO/IEC 19794-2:2005 differs from the standard in one thing: it has no impression type and no
quality byte in the view header (its writer's records are two bytes short there and carry no extended data length).
The test leaves these out, as it would, and hands over our minutiae bytes untouched. Any of our formats is brought to
it through ISO/IEC 19794-2:2005.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from drivers.sim.finger import Platen, Touch, render, subject_finger
from station import templates
from station.friction_ridge import MinutiaKind, MinutiaTemplate
from station.imaging import extract
from station.templates import iso19794_2_2005

nbis = pytest.importorskip("nbis", reason="nbis-python is not installed: ./run setup", exc_type=ImportError)
PLATEN = Platen(800, 750, 500)


@pytest.fixture(scope="module")
def extractor() -> Any:
    return nbis.new_nbis_extractor(
        nbis.NbisExtractorSettings(
            min_quality=0.0, get_center=False, check_fingerprint=False, compute_nfiq2=False, ppi=500.0
        )
    )


def picture(position: int, seed: int) -> np.ndarray:
    return render(
        subject_finger(11, position), PLATEN, "rolled", Touch(seed=seed, rotation_deg=3.0 * seed)
    ).pixels


def read_by_nbis(extractor: Any, template: MinutiaTemplate) -> Any:
    """Our record through the other reader: as it is if that reader follows the standard, else without the two bytes."""
    data = iso19794_2_2005.encode(replace(template, singular=()), fgp=2)
    found = extractor.load_iso_19794_2_2005(data)
    if len(found.get()) == len(template):
        return found
    view, body = data[24:28], data[28:-2]
    short = data[:24] + view[:1] + view[3:] + body
    return extractor.load_iso_19794_2_2005(short[:8] + len(short).to_bytes(4, "big") + short[12:])


def test_nbis_reads_the_same_minutiae_from_our_iso_record(extractor):
    template = extract(picture(2, 1), 500)
    found = read_by_nbis(extractor, template).get()
    assert len(found) == len(template) > 50
    ours = sorted((int(np.rint(x)), int(np.rint(y))) for x, y in zip(template.x, template.y, strict=True))
    assert sorted((m.x(), m.y()) for m in found) == ours
    by_place = {(int(np.rint(template.x[k])), int(np.rint(template.y[k]))): k for k in range(len(template))}
    for m in found:
        k = by_place[m.x(), m.y()]
        # that reader rounds to its 32 directions of 11.25 degrees, our record to 1.4
        assert abs((m.angle() - template.angle[k] + 180) % 360 - 180) < 6.4
        assert (m.kind() == nbis.MinutiaKind.RIDGE_ENDING) == (template.kind[k] == MinutiaKind.ENDING)


def test_bozorth3_matches_our_templates(extractor):
    one, again, other = (
        read_by_nbis(extractor, extract(picture(*which), 500)) for which in ((2, 1), (2, 2), (3, 1))
    )
    assert one.compare(again) > 60
    assert one.compare(other) < 25


@pytest.mark.parametrize("name", sorted(templates.CODECS))
def test_bozorth3_matches_what_went_through_any_of_our_formats(extractor, name):
    one, again, other = (extract(picture(*which), 500) for which in ((2, 1), (2, 2), (3, 1)))
    through = read_by_nbis(extractor, templates.decode_any(templates.encode(name, one, fgp=2)))
    again = read_by_nbis(extractor, again)
    assert through.compare(again) > 0.8 * read_by_nbis(extractor, one).compare(again) > 40
    assert through.compare(read_by_nbis(extractor, other)) < 25


def test_our_directions_and_types_are_mindtcts(extractor):
    gaps, kinds = [], []
    for position in (1, 2, 3, 4):
        gray = picture(position, 1)
        ours = extract(gray, 500)
        theirs = extractor.extract_minutiae(cv2.imencode(".bmp", gray)[1].tobytes()).get()
        x, y = np.array([m.x() for m in theirs]), np.array([m.y() for m in theirs])
        angle = np.array([m.angle() for m in theirs])
        ending = np.array([m.kind() == nbis.MinutiaKind.RIDGE_ENDING for m in theirs])
        distance = np.hypot(ours.x[:, None] - x, ours.y[:, None] - y)
        partner, near = distance.argmin(axis=1), distance.min(axis=1) < 8
        gaps.append((np.abs((ours.angle - angle[partner] + 180) % 360 - 180))[near])
        kinds.append(((ours.kind == MinutiaKind.ENDING) == ending[partner])[near])
    gap, same = np.concatenate(gaps), np.concatenate(kinds)
    assert len(gap) > 150
    assert (gap < 30).mean() > 0.9  # none of them turned about
    assert same.mean() > 0.75
