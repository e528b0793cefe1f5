"""The whole line on one screen: a complete booking becomes a signed entry of the offline queue, exactly once.

    Impressions ── encode (WSQ) ──> images ── tot.car.build ──> Transaction ── validate, encode ──> bytes
    ── seal, sign, store (one database transaction) ──> Entry

The policy is asked again here, although it was asked before capture: settings may have changed since.
"""

from __future__ import annotations
