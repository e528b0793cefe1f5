"""NFIQ 2: the real score where the library works, a reason where it does not, and never an exception."""

from __future__ import annotations

import importlib.util
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from station.errors import ImageError
from station.imaging.quality import nfiq2


@pytest.fixture
def fresh():
    """The library is looked for anew, before and after."""
    nfiq2.library.cache_clear()
    nfiq2._extractor.cache_clear()
    yield
    nfiq2.library.cache_clear()
    nfiq2._extractor.cache_clear()


def nbis_that(extract):
    return SimpleNamespace(
        NbisExtractorSettings=lambda **settings: settings,
        new_nbis_extractor=lambda settings: SimpleNamespace(extract_minutiae=extract),
    )


def scoring(value):
    return SimpleNamespace(quality=lambda: SimpleNamespace(score=value))


def test_a_print_gets_the_score_the_library_gives(fresh, monkeypatch, touch_of):
    monkeypatch.setitem(sys.modules, "nbis", nbis_that(lambda data: scoring(61)))
    assert nfiq2.score(touch_of("plain").pixels, 500) == 61
    assert nfiq2.library() == nfiq2.Library(True)


def test_the_library_sees_500_ppi_whatever_the_reader_has(fresh, monkeypatch):
    import cv2

    seen = []

    def extract(data):
        seen.append(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED).shape)
        return scoring(50)

    monkeypatch.setitem(sys.modules, "nbis", nbis_that(extract))
    nfiq2.score(np.full((600, 400), 200, np.uint8), 1000)
    assert seen == [(300, 200)]


@pytest.mark.parametrize("value", [255, -1, 101])
def test_a_score_out_of_range_is_a_failure(fresh, monkeypatch, value):
    monkeypatch.setitem(sys.modules, "nbis", nbis_that(lambda data: scoring(value)))
    assert nfiq2.score(np.full((300, 300), 200, np.uint8), 500) == nfiq2.FAILED


def test_an_image_on_which_the_library_gives_up_is_a_failure(fresh, monkeypatch):
    def extract(data):
        raise RuntimeError("Nfiq2ComputeFailed")

    monkeypatch.setitem(sys.modules, "nbis", nbis_that(extract))
    assert nfiq2.score(np.full((300, 300), 200, np.uint8), 500) == nfiq2.FAILED


def test_without_the_library_no_attempt_is_made_and_the_reason_is_said(fresh, monkeypatch):
    monkeypatch.setitem(sys.modules, "nbis", None)
    assert nfiq2.score(np.full((300, 300), 200, np.uint8), 500) == nfiq2.NOT_ATTEMPTED
    assert nfiq2.library().why == "nbis-python is not installed"


def test_a_library_that_breaks_on_loading_is_reported_not_raised(fresh, monkeypatch):
    def broken(settings):
        raise OSError("libopencv_core.so.406: cannot open shared object file")

    module = SimpleNamespace(NbisExtractorSettings=lambda **s: s, new_nbis_extractor=broken)
    monkeypatch.setitem(sys.modules, "nbis", module)
    assert nfiq2.library().works is False
    assert "libopencv_core" in nfiq2.library().why


def test_what_is_no_image_is_refused_with_or_without_the_library():
    with pytest.raises(ImageError, match="too_small"):
        nfiq2.score(np.zeros((10, 10), np.uint8), 500)


def test_the_identity_is_the_registered_one():
    assert (nfiq2.VENDOR, nfiq2.PRODUCT) == (257, 57)


@pytest.mark.skipif(
    importlib.util.find_spec("nbis") is None,
    reason="nbis-python is not installed: ./run setup",
)
def test_the_real_library_prefers_a_good_touch_to_a_dry_one(fresh, touch_of):
    good = nfiq2.score(touch_of("plain").pixels, 500)
    dry = nfiq2.score(touch_of("plain", moisture=0.0).pixels, 500)
    assert 100 >= good > dry >= 0
