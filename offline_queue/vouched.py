"""Who vouches for a submission: a manifest with its signature and, when that one's certificate ran out, a second one.

In: what a station sent, the authority of stations, the time. Out: the manifest and its signers, or the error why not.
One rule for the gateway, the relay and whoever opens a bundle (docs/decisions/0009).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from offline_queue import cms
from offline_queue.cms import SignerIdentity
from offline_queue.envelope import Manifest


@dataclass(frozen=True)
class Vouched:
    """counter: who vouches now for the first signature; None when it needs nobody."""

    manifest: Manifest
    signer: SignerIdentity
    counter: SignerIdentity | None = None


def verify(
    manifest: bytes, signature: bytes, counter_signature: bytes, anchors: bytes, now: dt.datetime
) -> Vouched:
    """counter_signature: DER over the DER of `signature`, verified now, the first one then at the manifest's own time;
    b"": the first one is verified now. CmsError, CertificateError, QueueError `manifest.malformed`."""
    if not counter_signature:
        signer = cms.verify_detached(manifest, signature, anchors, now)
        return Vouched(Manifest.from_bytes(manifest), signer)
    counter = cms.verify_detached(signature, counter_signature, anchors, now)
    said = Manifest.from_bytes(manifest)
    return Vouched(said, cms.verify_detached(manifest, signature, anchors, said.created_at), counter)
