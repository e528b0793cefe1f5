"""Imaging: pixels → minutiae, quality, segments, pictures."""

from station.imaging.pipeline import run as extract

__all__ = ["extract"]
