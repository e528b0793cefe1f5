"""Templates between us and others: NIST's sample is read by us, our ISO file by nbis-python, bozorth3 matches it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import pytest

from drivers.sim.finger import Platen, Touch, render, subject_finger
from station import imaging, templates
from station.templates import incits378_2004, iso19794_2_2005

VIEW_COUNT = 27
"""Offset of the minutia count in ISO/IEC 19794-2:2005: a header of 24 bytes, then position, type, quality, count."""


def test_nists_sample_is_read_and_written_again_alike(shared_data: Path) -> None:
    data = (shared_data / "an2" / "fmr" / "fmr.ansi2004").read_bytes()
    template, header = incits378_2004.decode(data)
    assert len(template) > 10
    again, _ = incits378_2004.decode(incits378_2004.encode(template, fgp=header.fgp))
    assert (again.x == template.x).all()
    assert (again.angle == template.angle).all()


@pytest.fixture(scope="module")
def extractor() -> Any:
    nbis = pytest.importorskip(
        "nbis", reason="nbis-python is not installed: NIST's programs cannot read our files"
    )
    settings = nbis.NbisExtractorSettings(
        min_quality=0.0, get_center=False, check_fingerprint=False, compute_nfiq2=False, ppi=500.0
    )
    return nbis.new_nbis_extractor(settings)


def _pixels(position: int, seed: int) -> Any:
    touch = Touch(seed=seed, rotation_deg=float(seed))
    return render(subject_finger(9, position), Platen(400, 480, 500), "plain", touch).pixels


def _as_nbis_lays_it_out(extractor: Any, data: bytes) -> bytes:
    """Our record as this nbis-python reads it. Release 0.1.8 has a view header of two bytes (position, count) where
    ISO/IEC 19794-2:2005 has four, and no extended data; the minutiae themselves are the standard's, bit for bit."""
    theirs = extractor.extract_minutiae(cv2.imencode(".bmp", _pixels(2, 1))[1].tobytes())
    if theirs.to_iso_19794_2_2005()[VIEW_COUNT] == len(theirs.get()):
        return data
    body = data[:24] + bytes([data[24], data[VIEW_COUNT]]) + data[28:-2]
    return body[:8] + len(body).to_bytes(4) + body[12:]


def test_bozorth_matches_our_minutiae_of_one_finger_and_not_of_two(extractor: Any) -> None:
    ours = [
        iso19794_2_2005.encode(imaging.extract(_pixels(*which), 500)) for which in ((2, 1), (2, 4), (3, 1))
    ]
    read = [extractor.load_iso_19794_2_2005(_as_nbis_lays_it_out(extractor, data)) for data in ours]
    assert len(read[0].get()) == len(templates.decode_any(ours[0]))
    assert read[0].compare(read[1]) > 40
    assert read[0].compare(read[2]) < 25


def test_bozorth_matches_our_minutiae_with_those_of_mindtct(extractor: Any) -> None:
    data = iso19794_2_2005.encode(imaging.extract(_pixels(2, 1), 500))
    ours = extractor.load_iso_19794_2_2005(_as_nbis_lays_it_out(extractor, data))
    theirs = extractor.extract_minutiae(cv2.imencode(".bmp", _pixels(2, 4))[1].tobytes())
    assert ours.compare(theirs) > 40
