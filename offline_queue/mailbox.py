"""The Maildir in which the gateway's answers arrive: https://cr.yp.to/proto/maildir.html.

In: a folder with tmp, new and cur, filled by the local mail server or by a program that collects from POP3 or IMAP.
Out: receipts and refusals by submission id, responses in the order they came. A message stays in `new` until the
queue has what it says, so a crash between reading and keeping costs nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from offline_queue import mail
from offline_queue.errors import TransportFault
from offline_queue.mail import Incoming


@dataclass(frozen=True)
class Letter:
    """One message: its file, and what it holds or why it holds nothing."""

    path: Path
    incoming: Incoming | None
    reason: str = ""


class Mailbox:
    """Reads each message once. TransportFault `gateway.mailbox` when the folder is no Maildir or cannot be read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._letters: dict[str, Letter] = {}
        if not all((folder / name).is_dir() for name in ("new", "cur", "tmp")):
            raise self._fault("not a Maildir (it has new, cur and tmp)")

    def letters(self) -> list[Letter]:
        """Everything in `new`, oldest name first."""
        try:
            names = sorted(entry.name for entry in os.scandir(self._folder / "new") if entry.is_file())
            fresh = [name for name in names if name not in self._letters]
            for name in fresh:
                self._letters[name] = _read(self._folder / "new" / name)
        except OSError as error:
            raise self._fault(error.strerror or str(error)) from error
        self._letters = {name: self._letters[name] for name in names}
        return list(self._letters.values())

    def about(self, kind: str, submission_id: str) -> list[Letter]:
        """Receipts or refusals that claim to be about this submission: several, when somebody forges some."""
        return [
            letter
            for letter in self.letters()
            if letter.incoming and (letter.incoming.kind, letter.incoming.about) == (kind, submission_id)
        ]

    def responses(self) -> list[Letter]:
        """Responses, and what cannot be understood."""
        return [
            letter
            for letter in self.letters()
            if letter.incoming is None or letter.incoming.kind == "response"
        ]

    def done(self, letter: Letter) -> None:
        """File it as seen. One that is gone already was filed before."""
        try:
            letter.path.rename(self._folder / "cur" / f"{letter.path.name.partition(':')[0]}:2,S")
        except FileNotFoundError:
            pass
        except OSError as error:
            raise self._fault(error.strerror or str(error)) from error
        self._letters.pop(letter.path.name, None)

    def _fault(self, reason: str) -> TransportFault:
        return TransportFault(
            "gateway.mailbox",
            f"{self._folder}: {reason}",
            "check gateway.options.mailbox and who may read it",
        )


def _read(path: Path) -> Letter:
    if path.stat().st_size > mail.LARGEST_MAIL:
        return Letter(path, None, "too large to be an answer")
    try:
        return Letter(path, mail.incoming(path.read_bytes()))
    except ValueError as error:
        return Letter(path, None, str(error)[:200])
