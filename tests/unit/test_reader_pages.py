"""Every reader has its page: what it is, its cable, what it may be used for, its quirks, and a drawing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from firmware_profiles.profile import load, names

PAGES = {
    "uru4500": "uru4500",
    "zfm": "zfm",
    "sfm": "sfm",
    "upektc": "upek",
    "gt521": "gt521",
    "nb1010": "nb1010",
    "fap60": "fap60-protocol",
    "libfprint": "libfprint",
    "vendor_sdk": "vendor-sdk",
}


def test_every_driver_with_a_profile_has_a_page() -> None:
    assert {load(name).driver for name in names()} == PAGES.keys()


@pytest.mark.parametrize("page", PAGES.values())
def test_a_page_says_what_one_needs(repo: Path, page: str) -> None:
    text = (repo / "docs" / "readers" / f"{page}.md").read_text("utf-8")
    title, what = text.split("\n\n")[:2]
    assert title.startswith("# ")
    assert len(what) > 80, "what it is"
    assert re.search(r"wiring\.md|No cable", text), "wiring or cable"
    assert re.search(r"submi|[Tt]raining", text), "what it may be used for"
    quirks = text.partition("\n## Quirks\n")[2]
    assert quirks.count("\n- ") >= 3, "known quirks"
    drawings = [
        block for block in re.findall(r"```\n(.*?)```", text, re.DOTALL) if re.search("[─═]{2}", block)
    ]
    assert drawings, "a drawing of the connection"
