"""Tell systemd how we are (sd_notify(3)): a datagram to $NOTIFY_SOCKET, nothing where there is none.

Written by hand because systemd-python has no wheel and the protocol is one line.
"""

from __future__ import annotations

import os
import socket


def notify(text: str) -> bool:
    """Send e.g. `READY=1`, `WATCHDOG=1`, `STATUS=…`. Returns whether a supervisor was there to hear it."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        try:
            channel.sendto(text.encode(), address)
        except OSError:
            return False
    return True
