"""Habits that every module keeps: values do not change once made, no thread holds up the end of a process."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("station", "drivers", "offline_queue", "firmware_profiles")
NOT_INSTALLED = ("station/bench/", "station/sim/", "station/demo/", "drivers/sim/")
"""Simulators, the demonstration and benchmarks keep counts as they go."""

CHANGING = {
    "drivers/links/own_thread.py:_Call": "a call on its way to another thread, and its result",
    "offline_queue/examine.py:Chain": "what a walk along the audit chain has seen so far",
    "offline_queue/relay/processes.py:Child": "a process that is started again and again",
    "offline_queue/salvage_rows.py:Fate": "what has become of the rows so far",
    "offline_queue/wire.py:_Receipt": "as it came: read once and thrown away",
    "offline_queue/wire.py:_Refusal": "as it came: read once and thrown away",
    "offline_queue/wire.py:_Page": "as it came: read once and thrown away",
    "offline_queue/wire.py:_Item": "as it came: read once and thrown away",
    "station/booking_store.py:_Packed": "as it lies in the store: packed and unpacked at once",
    "station/custody/verify.py:Proof": "what has been proved so far",
    "station/kiosk/room.py:Run": "a piece of work that runs, and its result",
    "station/kiosk/sessions.py:Session": "a signed-in officer, last seen now",
}
"""Classes of data whose objects change, and what for."""


def trees(repo: Path) -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((repo / package).rglob("*.py")):
            name = str(path.relative_to(repo))
            if not name.startswith(NOT_INSTALLED):
                yield name, ast.parse(path.read_text("utf-8"))


def is_data(node: ast.ClassDef) -> bool:
    """A dataclass, or a message of msgspec."""
    marks = [ast.unparse(each) for each in node.decorator_list]
    bases = [ast.unparse(each) for each in node.bases]
    return any(mark.startswith("dataclass") for mark in marks) or any(
        base in ("msgspec.Struct", "Struct", "_Section") for base in bases
    )


def is_frozen(node: ast.ClassDef) -> bool:
    keywords = [*node.keywords]
    for each in node.decorator_list:
        keywords += each.keywords if isinstance(each, ast.Call) else []
    return any(
        key.arg == "frozen" and isinstance(key.value, ast.Constant) and key.value.value is True
        for key in keywords
    )


def test_data_does_not_change_once_it_is_made_unless_it_says_what_for(repo: Path) -> None:
    changing = {
        f"{name}:{node.name}"
        for name, tree in trees(repo)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and is_data(node) and not is_frozen(node)
    }
    assert changing == set(CHANGING)


def test_a_section_of_settings_or_of_a_profile_refuses_what_it_does_not_know(repo: Path) -> None:
    lax = [
        f"{name}:{node.name}"
        for name, tree in trees(repo)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and "_Section" in [node.name, *map(ast.unparse, node.bases)]
        if {key.arg for key in node.keywords if ast.unparse(key.value) == "True"} != SECTION
    ]
    assert lax == []


SECTION = {"frozen", "forbid_unknown_fields", "kw_only"}


def test_no_thread_holds_up_the_end_of_a_process(repo: Path) -> None:
    stubborn = [
        f"{name}:{node.lineno}"
        for name, tree in trees(repo)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("threading.Thread", "Thread")
        if not any(key.arg == "daemon" and ast.unparse(key.value) == "True" for key in node.keywords)
    ]
    assert stubborn == []
