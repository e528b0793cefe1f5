"""The signature put together from kept parts is, byte for byte, what an ASN.1 library makes of the same values."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from hypothesis import given
from hypothesis import strategies as st

from offline_queue import cms_sign
from offline_queue.cms import check_signature
from offline_queue.signers import Signer
from tests.unit.offline_queue.kit import AT

FIRST = dt.datetime(1950, 1, 2)  # noqa: DTZ001 - hypothesis adds the zone
LAST = dt.datetime(2049, 12, 30)  # noqa: DTZ001


class Fixed:
    """A signer whose signature is known beforehand, so that two encodings of one signature can be compared."""

    def __init__(self, signer: Signer, signature: bytes, chain: tuple[bytes, ...]) -> None:
        self.certificate, self.chain, self._signature = signer.certificate, chain, signature
        self.signed = b""

    def sign(self, data: bytes) -> bytes:
        self.signed = data
        return self._signature


def by_the_library(content: bytes, signer: Fixed, moment: dt.datetime) -> tuple[bytes, bytes]:
    """(what is signed, the whole) as asn1crypto encodes it."""
    certificate = asn1_x509.Certificate.load(signer.certificate)
    reference = tsp.SigningCertificateV2(
        {"certs": [{"cert_hash": hashlib.sha256(signer.certificate).digest()}]}
    )
    time = core.UTCTime(moment.astimezone(dt.UTC).replace(microsecond=0))
    values: list[dict[str, Any]] = [
        {"type": "content_type", "values": ["data"]},
        {"type": "message_digest", "values": [hashlib.sha256(content).digest()]},
        {"type": "signing_time", "values": [cms.Time(name="utc_time", value=time)]},
        {"type": "signing_certificate_v2", "values": [reference]},
    ]
    attributes = cms.CMSAttributes([cms.CMSAttribute(value) for value in values])
    sid = cms.IssuerAndSerialNumber(
        {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
    )
    info = {
        "version": "v1",
        "sid": cms.SignerIdentifier(name="issuer_and_serial_number", value=sid),
        "digest_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
        "signed_attrs": attributes,
        "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}),
        "signature": signer.sign(b""),
    }
    signed = {
        "version": "v1",
        "digest_algorithms": [algos.DigestAlgorithm({"algorithm": "sha256"})],
        "encap_content_info": {"content_type": "data"},
        "certificates": [asn1_x509.Certificate.load(der) for der in (signer.certificate, *signer.chain)],
        "signer_infos": [cms.SignerInfo(info)],
    }
    whole = cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(signed)})
    return attributes.dump(), whole.dump()


@given(
    content=st.binary(max_size=300),
    signature=st.binary(min_size=1, max_size=300),
    moment=st.datetimes(FIRST, LAST, timezones=st.just(dt.UTC)),
    others=st.integers(0, 2),
)
def test_the_bytes_are_those_of_the_library(
    signer: Signer, gateway_signer: Signer, content: bytes, signature: bytes, moment: dt.datetime, others: int
) -> None:
    chain = (gateway_signer.certificate, *gateway_signer.chain)[:others]
    fixed = Fixed(signer, signature, chain)
    made = cms_sign.sign_detached(content, fixed, moment)
    attributes = fixed.signed
    assert (attributes, made) == by_the_library(content, fixed, moment)


def test_another_certificate_gets_another_form(signer: Signer, gateway_signer: Signer) -> None:
    for each in (signer, gateway_signer, signer):
        made = cms_sign.sign_detached(b"content", each, AT)
        assert each.certificate in made
        check_signature(b"content", made)


def test_a_time_beyond_2049_is_written_with_four_digits_of_the_year(signer: Signer) -> None:
    later = cms_sign.sign_detached(b"content", signer, dt.datetime(2050, 1, 1, tzinfo=dt.UTC))
    assert b"\x18\x0f20500101000000Z" in later
    check_signature(b"content", later)
    assert b"\x17\x0d491231235959Z" in cms_sign.sign_detached(
        b"content", signer, dt.datetime(2049, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
    )
