"""One entry as files that anybody can check with standard tools and public certificates alone.

In: a queue and an entry. Out: transaction.an2 (transaction.sealed when only the gateway can open it), manifest.json,
manifest.p7s (detached CMS), station-cert.pem, issuing-ca.pem; after custody custody-receipt.json, custody-receipt.p7s,
gateway-cert.pem and gateway-ca.pem; each response as response.an2, response-2.an2, ... The files hold personal data:
they are written for their owner alone.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from offline_queue import cms
from offline_queue.errors import QueueError
from offline_queue.models import PART_NAME, Entry
from offline_queue.store import Queue
from offline_queue.transports import SEALED_NAME


def export(queue: Queue, entry: Entry, folder: Path) -> tuple[Path, ...]:
    """Write the files and return their paths. Existing files are never overwritten: QueueError
    `export.exists`.
    Other failures of the folder are `export.cannot_write`."""
    files = bundle(queue, entry)
    taken = [name for name in files if (folder / name).exists()]
    if taken:
        raise QueueError(
            "export.exists", f"{folder} already has {', '.join(taken)}", "choose an empty folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tuple(write_file(folder / name, data) for name, data in files.items())
    except OSError as error:
        raise QueueError(
            "export.cannot_write", f"{folder}: {error.strerror}", "choose another folder"
        ) from error


def bundle(queue: Queue, entry: Entry) -> dict[str, bytes]:
    """File name → bytes. DamagedEntry when the payload is not what was signed."""
    name = entry.submission_id
    signature = queue.signature(name)
    transaction, sealed = queue.outgoing(name)
    files = {
        SEALED_NAME if sealed else PART_NAME: transaction,
        "manifest.json": queue.manifest(name),
        "manifest.p7s": signature,
        **_certificates(signature, "station-cert.pem", "issuing-ca.pem"),
    }
    receipt, receipt_signature = queue.receipt(name), queue.receipt_signature(name)
    if receipt is not None and receipt_signature is not None:
        files |= {"custody-receipt.json": receipt, "custody-receipt.p7s": receipt_signature}
        files |= _certificates(receipt_signature, "gateway-cert.pem", "gateway-ca.pem")
    answers = [response for response in queue.responses() if response.tcr == entry.tcn]
    for n, response in enumerate(answers, start=1):
        stem = "response" if n == 1 else f"response-{n}"
        files |= {f"{stem}.an2": response.content, f"{stem}.p7s": response.signature}
    return files


def _certificates(signature: bytes, own: str, above: str) -> dict[str, bytes]:
    leaf, *chain = (_pem(der) for der in cms.embedded_certificates(signature))
    return {own: leaf} | ({above: b"".join(chain)} if chain else {})


def _pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)


def write_file(path: Path, data: bytes) -> Path:
    """A new file for its owner alone. FileExistsError when it is there."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(data)
    return path
