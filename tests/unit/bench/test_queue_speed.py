"""Campaign `speed`: everybody does the same work, limits that are missed are told, and memory is no disk."""

from __future__ import annotations

import hashlib
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from station.bench import queue_memory, queue_rivals, queue_speed
from station.bench.queue_rivals import Contender, Plain

ROWS = [("field-1", "value"), ("field-2", "other")]
BODY = b"\x01\x02\x03" * 30_000
WHOLE = queue_rivals.joined(BODY, ROWS)


class LibraryOfOne:
    """A stand-in for the three libraries: a list, with the names that each of them uses."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.items: list[Any] = []
        self.said: list[str] = []
        self.conn = types.SimpleNamespace(execute=self.said.append)

    def put(self, item: Any) -> None:
        self.items.append(item)

    enqueue = put

    def get(self, block: bool) -> Any:
        assert not block
        return self.items[0]

    def ack(self, item: Any) -> None:
        self.items.remove(item)

    def pop(self) -> Any:
        return types.SimpleNamespace(data=self.items[0], message_id=1)

    def done(self, message_id: int) -> None:
        self.items.pop(message_id - 1)

    def dequeue(self) -> Any:
        return self.items.pop(0)

    def close(self) -> None: ...


@pytest.fixture
def libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("library")
    vars(module).update(SQLiteAckQueue=LibraryOfOne, LiteQueue=LibraryOfOne, SqliteStorage=LibraryOfOne)
    for name in ("persistqueue", "litequeue", "huey", "huey.storage"):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)


def test_all_contenders_take_what_they_were_given(tmp_path: Path, libraries: None) -> None:
    others, absent = queue_rivals.installed(tmp_path)
    assert (sorted(others), absent) == (["huey", "litequeue", "persist-queue"], {})
    ours, plain = queue_speed.Ours(tmp_path), Plain(tmp_path)
    everyone: list[Contender] = [plain, ours, queue_rivals.Floor(tmp_path), *others.values()]
    for each in everyone:
        each.put(1, BODY, ROWS, WHOLE)
        each.take()
        with pytest.raises((AssertionError, IndexError, TypeError)):
            each.take()
    assert ours._queue.entry("s-1").sha256 == hashlib.sha256(WHOLE).hexdigest()
    ours.write_back()
    assert ours.written_back_s > 0
    for each in everyone:
        each.close()


def test_litequeue_is_made_durable(tmp_path: Path, libraries: None) -> None:
    lite: Any = queue_rivals.LiteQueue(tmp_path)
    assert lite._queue.said == ["PRAGMA synchronous = FULL"]


def test_a_library_that_is_not_here_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    found, absent = queue_rivals.installed(tmp_path)
    assert found == {}
    assert absent["huey"] == "not installed: pip install huey, in an environment of its own"


def test_the_measure_is_plain_sqlite_with_full_syncs(tmp_path: Path) -> None:
    plain = Plain(tmp_path)
    assert plain._base.execute("PRAGMA synchronous").fetchone() == (2,)
    assert plain._base.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    plain.put(1, BODY, ROWS, WHOLE)
    assert plain._base.execute("SELECT count(*) FROM row").fetchone() == (2,)
    plain.close()


@pytest.mark.parametrize(
    ("speed", "claim", "memory", "said"),
    [(0.8, 1.5, 59.9, (0, 0, 0)), (0.79, 1.51, 60.0, (1, 1, 1)), (0.79, 1.0, 40.0, (1, 0, 0))],
)
def test_a_missed_limit_is_told(
    speed: float, claim: float, memory: float, said: tuple[int, int, int]
) -> None:
    figures = {"enqueue_speed_of_plain": speed, "claim_many_of_few": claim}
    assert tuple(queue_speed.missed(figures, memory).values()) == said


def test_the_limit_is_for_everything_that_is_written() -> None:
    puts = {"plain": {"mean_ms": 3.0}, "ours": {"mean_ms": 2.0}, "floor": {"mean_ms": 4.0}}
    told = queue_speed._ratios(puts, apart_ms=4.0)
    assert told["enqueue_speed_of_plain"] == 0.5
    assert told["enqueue_speed_of_plain_while_somebody_waits"] == 1.5
    assert told["floor_speed_of_plain"] == 0.75


def test_who_begins_changes_and_the_first_rounds_do_not_count() -> None:
    order: list[tuple[int, str]] = []

    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

    them: Any = {name: Named(name) for name in "ab"}
    told = queue_speed.in_turn(them, lambda each, n: order.append((n, vars(each)["name"])), 2)
    assert [name for n, name in order if n < 3] == ["b", "a", "a", "b"]
    assert len(order) == 2 * (2 + queue_speed.WARM)
    assert set(told) == {"a", "b"}


def test_claims_are_compared_between_a_short_and_a_long_queue(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    told = queue_speed.claims(tmp_path / "c", 20, 40, 10)
    assert set(told["claim"]) == {"20 rows", "40 rows"}
    assert told["claim_many_of_few"] > 0


def test_a_file_system_in_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_speed, "file_system", lambda _: "tmpfs")
    assert "set TMPDIR" in queue_speed.run(10, 1)["skipped"]
    assert not queue_speed.IN_ALL


def test_the_file_system_is_that_of_the_innermost_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    lines = ("1 0 8:1 / / rw - ext4 /dev/a rw", f"2 1 0:5 / {tmp_path} rw shared:1 - tmpfs tmpfs rw")
    mounts.write_text("\n".join(lines) + "\n")
    assert queue_speed.file_system(tmp_path / "deep", mounts) == "tmpfs"
    assert queue_speed.file_system(Path("/elsewhere"), mounts) == "ext4"


def test_memory_is_kept_as_the_unit_of_the_pages_keeps_it(repo: Path) -> None:
    unit = (repo / "systemd" / "livescan-web.service").read_text()
    wanted = " ".join(f"{name}={value}" for name, value in queue_speed.MEMORY_KEPT.items())
    assert f"Environment={wanted}\n" in unit


def test_the_real_sync_process_is_measured_while_it_sends(tmp_path: Path) -> None:
    resident = queue_memory.of_sync(tmp_path, 3, seed=1)
    assert (resident.queued, resident.sent) == (3, 3)
    assert 20 < resident.now_mb <= resident.peak_mb < 200
    assert resident.payload_bytes > 400_000
