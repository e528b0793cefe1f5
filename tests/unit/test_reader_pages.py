"""Every reader has its page: what it is, its cable, what it may be used for, its quirks, and a drawing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drivers import registry

NAMED_OTHERWISE = {"upektc": "upek", "fap60": "fap60-protocol", "vendor_sdk": "vendor-sdk"}


@pytest.mark.parametrize("driver", registry.drivers())
def test_a_reader_has_a_page_that_says_what_one_needs(repo: Path, driver: str) -> None:
    page = NAMED_OTHERWISE.get(driver, driver)
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
