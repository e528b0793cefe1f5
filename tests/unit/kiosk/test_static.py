"""Vendored and shipped files are what they say; nothing points outside."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

import station.kiosk

STATIC = Path(station.kiosk.__file__).parent / "static"
FORBIDDEN = ("illegal alien", "criminal record", "hit!", "identified as", "perpetrator", "suspect")


def test_htmx_is_the_pinned_file():
    (line,) = [line for line in (STATIC / "vendor" / "README").read_text().splitlines() if "SHA-256" in line]
    digest = hashlib.sha256((STATIC / "vendor" / "htmx-2.0.11.min.js").read_bytes()).hexdigest()
    assert digest in line


def test_style_and_script_name_no_outside_address():
    for name in ("kiosk.css", "kiosk.js"):
        text = (STATIC / name).read_text()
        assert not re.search(r"https?://|@import|url\(", text), name
        assert "eval(" not in text


def test_static_files_are_served_with_the_content_policy(stranger):
    for name in ("kiosk.css", "kiosk.js", "icon.svg", "vendor/htmx-2.0.11.min.js"):
        answer = stranger.get(f"/static/{name}")
        assert answer.status_code == 200
        assert "content-security-policy" in answer.headers


@pytest.mark.parametrize(
    "path", sorted((STATIC.parent / "templates").glob("*.html")), ids=lambda path: path.name
)
def test_no_screen_says_what_a_station_cannot_know(path):
    text = path.read_text().lower()
    assert [word for word in FORBIDDEN if word in text] == []


def test_the_templates_mark_every_part_of_the_screen_that_changes():
    panel = (STATIC.parent / "templates" / "panel_body.html").read_text()
    assert 'role="alert"' in panel
    assert 'role="status"' in panel
