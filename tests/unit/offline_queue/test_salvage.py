"""A damaged queue file: found, mended, exchanged; a whole one is left alone."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline_queue import durable, salvage, salvage_carve, salvage_chain, wal
from offline_queue.clock import SystemClock
from offline_queue.database import PAGE_SIZE
from offline_queue.errors import StoreFault
from offline_queue.salvage_format import SHAPES
from offline_queue.salvage_read import Recovered
from offline_queue.states import State
from offline_queue.vault import Vault
from station.bench.queue_gate import submission
from station.bench.queue_work import PAGES, STATION, Work, make_base
from tests.kit.helpers import running


@pytest.fixture(scope="module", params=PAGES)
def life(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A folder with a queue that has seen everything: migration, sending, rotation, erasure. With pages of both sizes
    there are."""
    base = tmp_path_factory.mktemp("life")
    make_base(base)
    work = Work(base / "q-1")
    work.prepare(request.param)
    work.run()
    return work.folder


@pytest.fixture
def copy(life: Path) -> Path:
    """The queue's file in a folder of its own."""
    folder = life.with_name(f"q-{os.urandom(4).hex()}")
    shutil.copytree(life, folder)
    return folder / "queue.db"


def means(database: Path) -> tuple[Path, Vault, SystemClock, str]:
    return database, Vault.load(database.parent / "keys"), SystemClock(), STATION


def test_a_whole_file_is_left_alone(copy: Path) -> None:
    before = copy.read_bytes()
    assert salvage.look(*means(copy)) == []
    assert salvage.mend(*means(copy)) == salvage.Mended(())
    assert copy.read_bytes() == before


def test_with_every_page_index_gone_everything_is_still_there(copy: Path) -> None:
    """Page 1, with the schema, is overwritten: SQLite says it is not a database."""
    content = bytearray(copy.read_bytes())
    size = page_size(content)
    content[:size] = random.Random(1).randbytes(size)
    copy.write_bytes(content)
    told = salvage.mend(*means(copy))
    assert told.aside is not None
    assert told.damaged == ()
    work = Work(copy.parent)
    with work.open() as queue:
        assert len(queue.entries()) == 18
        assert {entry.state for entry in queue.entries()} == {State.CUSTODY}
        assert queue.check().ok
        assert queue.verify_audit().ok
    assert salvage.look(*means(copy)) == []


def page_size(content: bytes) -> int:
    return int.from_bytes(content[16:18])


def leaves(content: bytes) -> list[int]:
    """Where pages with rows of tables begin; some are a piece of a payload that looks like one."""
    size = page_size(content)
    return [
        at for at in range(size, len(content), size) if content[at] == 0x0D and content[at + 1] < size // 256
    ]


def test_rows_of_pages_whose_heads_are_gone_are_found_by_their_own_form(copy: Path) -> None:
    """Without the eight bytes at its head nothing leads to a row of a page."""
    content = bytearray(copy.read_bytes())
    size, hit = page_size(content), 0
    for at in leaves(bytes(content)):
        rows = [int.from_bytes(content[place : place + 2]) for place in range(at + 8, at + 20, 2)]
        if (
            content[at + 3 : at + 5] != b"\0\0"
            and max(rows[: int.from_bytes(content[at + 3 : at + 5])]) < size
        ):
            content[at : at + 8] = bytes(8)
            hit += 1
    assert hit > 5
    copy.write_bytes(content)
    told = salvage.mend(*means(copy))
    assert told.problems
    assert told.damaged == ()
    assert told.audit_gaps == ()
    with Work(copy.parent).open() as queue:
        assert {entry.state for entry in queue.entries()} == {State.CUSTODY}
        assert len(queue.entries()) == 18
        assert queue.verify_audit().ok


def test_what_pointers_lead_to_is_found_without_them(life: Path) -> None:
    content = (life / "queue.db").read_bytes()
    size = page_size(content)
    patterns = [salvage_carve.pattern(shape) for shape in SHAPES.values() if shape.startswith("n")]
    found = 0
    for at in leaves(content):
        page = content[at : at + size]
        carved = set(salvage_carve.starts(page, patterns))
        for n in range(int.from_bytes(page[3:5])):
            start = int.from_bytes(page[8 + 2 * n : 10 + 2 * n])
            if any(
                pattern.match(page, head) for pattern in patterns for head in range(start + 2, start + 14)
            ):
                found += 1
                assert start in carved
    assert found > 40


@given(st.binary(max_size=3000))
def test_no_bytes_make_the_carver_fail(page: bytes) -> None:
    patterns = [salvage_carve.pattern(shape) for shape in SHAPES.values() if shape.startswith("n")]
    assert all(0 <= start < len(page) for start in salvage_carve.starts(page, patterns))


def test_a_row_whose_next_page_would_be_named_beyond_the_file_is_none(tmp_path: Path) -> None:
    """476 bytes of its 2,000 would lie here (fileformat2, 1.6), and end where the page and the file end."""
    page = bytearray(512)
    page[:8] = b"\x0d\0\0\0\x01\0\0\0"
    page[8:10] = (33).to_bytes(2)
    page[33:41] = b"\x8f\x50\x01" + b"\x05\x00\x9f\x22\x0d"
    first = (b"SQLite format 3\0" + (512).to_bytes(2)).ljust(512, b"\0")
    (tmp_path / "cut.db").write_bytes(first + page)
    columns = {"payload": ["seq", "sealed", "sealed_sha256"]}
    with closing(Recovered(tmp_path / "cut.db", columns)) as found:
        assert list(found.rows("payload")) == []


def test_a_head_that_goes_on_beyond_the_page_is_none() -> None:
    assert list(salvage_carve.starts(b"\x07\x00\x80\x0c\x0d", [salvage_carve.pattern("nbt")])) == []


def test_a_mended_file_has_the_pages_of_a_new_one(copy: Path) -> None:
    content = bytearray(copy.read_bytes())
    content[:100] = bytes(100)
    copy.write_bytes(content)
    assert salvage.mend(*means(copy)).damaged == ()
    assert page_size(copy.read_bytes()) == PAGE_SIZE


def test_it_does_not_touch_a_file_that_is_open(copy: Path) -> None:
    words = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA user_version').fetchall(); "
    )
    words += "c.execute('SELECT 1 FROM cursor').fetchall(); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", words, copy]
    with running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(StoreFault) as caught:
            salvage.mend(*means(copy))
        assert caught.value.code == "queue.in_use"


def test_nobody_opens_it_meanwhile(copy: Path) -> None:
    with durable.mending(copy), pytest.raises(StoreFault) as caught:
        Work(copy.parent).open()
    assert caught.value.code == "queue.mending"


def test_text_that_is_none_is_damage(copy: Path) -> None:
    """Found by the damage campaign: SQLite's own message about a damaged schema was no text either."""
    with closing(sqlite3.connect(copy)) as base:
        base.execute("PRAGMA writable_schema = ON")
        base.execute(
            "UPDATE sqlite_master SET sql = CAST(x'4352454154452054ff41424c45' AS TEXT) WHERE name = 'cursor'"
        )
        base.commit()
    assert salvage.look(*means(copy))
    assert salvage.mend(*means(copy)).damaged == ()
    assert salvage.look(*means(copy)) == []


def test_a_last_transaction_whose_commit_was_hit_is_named(life: Path) -> None:
    """Found by the damage campaign: without its last frame, a promised transaction looks like one never finished."""
    folder = life.with_name(f"q-{os.urandom(4).hex()}")
    work = Work(folder)
    work.prepare()
    with work.open() as queue:
        queue.enqueue(submission(30), work.signer)
        queue.database.checkpoint()
        queue.enqueue(submission(31), work.signer)
        copied = life.with_name(f"q-{os.urandom(4).hex()}")
        shutil.copytree(folder, copied)
    log = copied / "queue.db-wal"
    content = bytearray(log.read_bytes())
    last = len(content) - (PAGE_SIZE + 24)
    content[last : last + 24] = bytes(24)
    log.write_bytes(content)
    told = salvage.mend(*means(copied / "queue.db"))
    assert told.problems
    with Work(copied).open() as queue:
        entry = queue.entry("s-31")
        assert ("s-31" in told.damaged) == (entry.state is State.QUARANTINED)
        assert queue.entry("s-30").state is State.UNKNOWN


def test_a_row_that_only_the_chain_contradicts_is_found(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as base:
        base.execute("UPDATE submission SET attempts = attempts + 1 WHERE seq = 3")
        base.commit()
    assert salvage.look(*means(copy)) == ["s-3: its attempts are not those of the chain"]
    assert salvage.mend(*means(copy)).damaged == ()
    assert salvage.look(*means(copy)) == []


def test_the_rows_read_page_by_page_are_those_that_sql_reads(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as base:
        base.row_factory = sqlite3.Row
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        columns, wanted = {}, {}
        for name in ("submission", "payload", "envelope", "receipt", "audit", "audit_seal"):
            wanted[name] = [dict(row) for row in base.execute(f"SELECT * FROM {name}")]
            columns[name] = [row[1] for row in base.execute(f"PRAGMA table_info({name})")]
    for name in ("response", "response_quarantine", "counter_signature", "cursor"):
        columns[name] = ["a", "b", "c", "d", "e", "f", "g"]
    with closing(Recovered(copy, columns)) as found:
        for name, rows in wanted.items():
            key = columns[name][0]
            assert sorted(found.rows(name), key=lambda row: row[key]) == rows


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**31), st.binary(min_size=1, max_size=40)), max_size=30))
def test_no_damage_makes_the_reader_fail(life: Path, hits: list[tuple[int, bytes]]) -> None:
    content = bytearray((life / "queue.db").read_bytes())
    for at, data in hits:
        start = at % (len(content) - len(data))
        content[start : start + len(data)] = data
    file = life.parent / "hit.db"
    file.write_bytes(content)
    names = [f"c{n}" for n in range(28)]
    columns = {"submission": names, "payload": names[:3], "envelope": names[:3], "receipt": names[:6]}
    columns |= {"audit": names[:10], "audit_seal": names[:4], "cursor": names[:2], "response": names[:7]}
    columns |= {"response_quarantine": names[:7], "counter_signature": names[:5]}
    with closing(Recovered(file, columns)) as found:
        for table in columns:
            for row in found.rows(table):
                assert set(row) == set(columns[table])
        assert found.payload(2**40) is None


@given(st.binary(max_size=20000))
@settings(max_examples=40, deadline=None)
def test_no_log_makes_the_reader_fail(log: bytes) -> None:
    assert all(frame.page >= 0 for frame in wal.frames(log))


def test_a_log_is_read_as_sqlite_reads_it(tmp_path: Path) -> None:
    database = tmp_path / "a.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as base:
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("CREATE TABLE t (a)")
        for n in range(5):
            base.execute("INSERT INTO t VALUES (?)", (str(n) * 3000,))
        found = wal.frames(Path(f"{database}-wal").read_bytes())
        assert all(frame.whole for frame in found)
        assert wal.dropped_commits(database) == 0
        wal.replayed(database, tmp_path / "copy.db", Path(f"{database}-wal"))
        with closing(sqlite3.connect(tmp_path / "copy.db")) as other:
            assert other.execute("SELECT count(*) FROM t").fetchone() == (5,)
        content = bytearray(Path(f"{database}-wal").read_bytes())
        content[32 + 24 + 100] ^= 1  # in the first frame: all six transactions would go
        hurt = tmp_path / "b.db"
        Path(f"{hurt}-wal").write_bytes(content)
        assert wal.dropped_commits(hurt) == 6


class Cut(Exception):
    """The power went."""


@pytest.mark.parametrize("step", range(1, 12))
def test_cut_short_anywhere_an_exchange_leaves_the_old_file_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    database, draft = tmp_path / "queue.db", tmp_path / "draft" / "queue.db"
    draft.parent.mkdir()
    for path, words in ((database, "old"), (Path(f"{database}-wal"), "log"), (draft, "new")):
        path.write_text(words)
    left = [step]

    def cut(real: Callable[..., Any]) -> Callable[..., Any]:
        def one(*args: Any, **more: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                raise Cut
            return real(*args, **more)

        return one

    with monkeypatch.context() as patch:
        for name in ("link", "fsync"):
            patch.setattr(os, name, cut(getattr(os, name)))
        for name in ("rename", "unlink"):
            patch.setattr(Path, name, cut(getattr(Path, name)))
        with suppress(Cut):
            durable.into_place(draft, database)
    assert database.read_text() in ("old", "new")
    durable.finish(database)
    log = Path(f"{database}-wal")
    assert (database.read_text(), log.exists()) in (("old", True), ("new", False))


def test_the_mark_of_what_was_promised_is_believed_only_whole(tmp_path: Path) -> None:
    database = tmp_path / "queue.db"
    assert durable.head(database) is None
    durable.note_head(database, 7, bytes(32))
    assert durable.head(database) == durable.Head(7, bytes(32))
    mark = Path(f"{database}.head")
    mark.write_bytes(mark.read_bytes()[:-1] + b"x")
    assert durable.head(database) is None


def test_attempts_are_told_from_the_chain_one_a_claim_and_each_closed_by_the_first_event_behind_it() -> None:
    def event(name: str, at: int, **detail: str) -> dict[str, Any]:
        return {"event": name, "at": at, "detail": detail}

    events = [
        event("enqueued", 1, state="ready"),
        event("claim", 2, state="sending", worker="w1"),
        event("note", 3),  # says nothing of a state: it closes nothing
        event("unsure", 4, state="unknown", code="gateway.deadline"),
        event("hold", 5, state="held"),  # the attempt is over already
        event("claim", 6, state="asking"),
        event("accepted", 7, state="custody"),
    ]
    assert salvage_chain.attempts(9, events) == [
        {
            "seq": 9, "n": 1, "kind": "send", "worker": "w1", "started_at": 2,
            "ended_at": 4, "outcome": "unsure", "code": "gateway.deadline",
        },
        {
            "seq": 9, "n": 2, "kind": "ask", "worker": "", "started_at": 6,
            "ended_at": 7, "outcome": "accepted", "code": None,
        },
    ]  # fmt: skip
