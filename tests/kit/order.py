"""Files that take longest begin first, so that two processes end at about the same time."""

from __future__ import annotations

import pytest

from tests.kit.progress import OTHERS_S, file_of, seconds_by_file


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Within a file the order stays; files go by the seconds of the table, then by name."""
    table = seconds_by_file()
    items.sort(key=lambda item: (-table.get(file_of(item.nodeid), OTHERS_S), file_of(item.nodeid)))
