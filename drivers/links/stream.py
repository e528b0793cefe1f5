"""What every driver on a byte stream needs: reads where silence is no error, draining, and finding the line speed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from drivers.clock import Clock
from drivers.errors import LinkError
from drivers.links import ByteLink

_CHUNK = 4096


def read_some(link: ByteLink, wait_s: float, limit: int = _CHUNK) -> bytes:
    """1 to limit bytes as soon as some are there; empty when none came in wait_s. Raises LinkError, not for silence."""
    try:
        return link.read(limit, max(0.0, wait_s))
    except LinkError as error:
        if error.code != "link.timeout":
            raise
        return b""


def drain(
    link: ByteLink, clock: Clock, quiet_s: float, total_s: float, check: Callable[[], None] = lambda: None
) -> bool:
    """Drop what comes until nothing came for quiet_s; True when it became quiet within total_s.

    Answers that carry no number must not be taken for those to the next command, and after damage the rest of an
    image still comes in. check: called between reads, may raise.
    """
    deadline = clock.monotonic() + total_s
    while clock.monotonic() < deadline:
        if not read_some(link, quiet_s):
            return True
        check()
    return False


def find_baud(
    link: ByteLink, bauds: Iterable[int], answers: Callable[[int], bool], rounds: int = 2
) -> int | None:
    """The first speed at which answers(baud) says yes; None when at none, each tried at least `rounds` times.

    Modules keep the speed that their last user set, and are deaf for a while after power-on; and one hurt answer must
    not send us through all others, so the first, likeliest speed is tried again and again between them. A speed that
    the adapter refuses is passed over. Raises LinkError.
    """
    tried = tuple(dict.fromkeys(bauds))
    for _ in range(rounds):
        for baud in _in_turn(tried):
            try:
                link.set_baud(baud)
            except LinkError as error:
                if error.code != "link.settings":
                    raise
                continue
            if answers(baud):
                return baud
    return None


def _in_turn(bauds: Sequence[int]) -> Iterator[int]:
    """The first twice, and again after every two others."""
    first, others = bauds[0], bauds[1:]
    yield first
    yield first
    for at in range(0, len(others), 2):
        yield from others[at : at + 2]
        yield first
