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
from offline_queue.errors import CertificateError
from offline_queue.revocation import Revocation


@dataclass(frozen=True)
class Vouched:
    """counter: who vouches now for the first signature; None when it needs nobody."""

    manifest: Manifest
    signer: SignerIdentity
    counter: SignerIdentity | None = None


def verify(
    manifest: bytes,
    signature: bytes,
    counter_signature: bytes,
    anchors: bytes,
    now: dt.datetime,
    revocation: Revocation | None = None,
) -> Vouched:
    """counter_signature: DER over the DER of `signature`, verified now, the first one then at the manifest's own time;
    b"": the first one is verified now. revocation: lists on which whoever vouches now may not stand. CmsError,
    CertificateError, QueueError `manifest.malformed`."""
    if not counter_signature:
        signer = cms.verify_detached(manifest, signature, anchors, now)
        _require_on_no_list(signer, revocation)
        return Vouched(Manifest.from_bytes(manifest), signer)
    counter = cms.verify_detached(signature, counter_signature, anchors, now)
    _require_on_no_list(counter, revocation)
    said = Manifest.from_bytes(manifest)
    return Vouched(said, cms.verify_detached(manifest, signature, anchors, said.created_at), counter)


def _require_on_no_list(who: SignerIdentity, revocation: Revocation | None) -> None:
    entry = revocation.of_path(who.path) if revocation is not None else None
    if entry is not None:
        raise CertificateError("certificate.revoked", str(entry), "enrol a new signing certificate")
