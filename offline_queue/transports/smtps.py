"""`smtps://host:port`: mail with TLS from the first byte (RFC 8314). All of it is in `smtp.py`."""

from __future__ import annotations

from offline_queue.transports.smtp import open_transport

__all__ = ["open_transport"]
