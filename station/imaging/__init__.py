"""Imaging: pixels → minutiae, quality, finger boxes, pictures. Everything takes uint8 [h, w], dark ridges on light.

All raise `station.errors.ImageError` on what is no fingerprint image: image.not_gray8, image.bad_ppi,
image.too_small, image.too_large, (extract, segment_slap) image.blank and (extract) image.inverted.
"""

from __future__ import annotations

from station.imaging.draw import draw
from station.imaging.load import load_gray
from station.imaging.pipeline import run as extract
from station.imaging.quality import assess, assess_preview
from station.imaging.slap import SlapFinger, segment_slap
from station.imaging.slap_segment import segment

__all__ = [
    "SlapFinger",
    "assess",
    "assess_preview",
    "draw",
    "extract",
    "load_gray",
    "segment",
    "segment_slap",
]
