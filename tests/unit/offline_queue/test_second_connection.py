"""Two connections in one process, and one in another."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from offline_queue.clock import SystemClock
from offline_queue.database import Database

OTHER = """
import sqlite3, sys
base = sqlite3.connect(sys.argv[1])
base.execute("SELECT count(*) FROM submission").fetchall()
base.close()
"""


def test_opening_it_again_leaves_the_locks_of_the_first_connection(tmp_path: Path) -> None:
    """Found when sync began to look at the file in a process of its own: that one threw away a log in use."""
    path = tmp_path / "queue.db"
    with closing(Database.open(path, SystemClock())) as first:
        first.sql("CREATE TABLE more (a)")
        Database.open(path, SystemClock()).close()
        subprocess.run([sys.executable, "-c", OTHER, path], check=True)
        assert Path(f"{path}-wal").exists()
        first.sql("INSERT INTO more VALUES (1)")
        with closing(Database.open(path, SystemClock())) as second:
            assert second.sql("SELECT a FROM more") == [(1,)]
