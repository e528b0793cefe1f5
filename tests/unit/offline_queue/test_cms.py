from __future__ import annotations

import datetime as dt
import subprocess
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms as asn1_cms
from hypothesis import given, settings
from hypothesis import strategies as st

from offline_queue import cms
from offline_queue.errors import CertificateError, CmsError, QueueError
from offline_queue.keypair import KeySigner, MemoryKey
from offline_queue.signers import Signer, load_signer
from station.sim.pki import Authority, Issued, PkiPaths
from tests.unit.offline_queue.kit import AT

CONTENT = b'{"schema":1}'
DAY = dt.timedelta(days=1)


def der_signer(issued: Issued, *chain: Authority) -> KeySigner:
    from cryptography.hazmat.primitives.serialization import Encoding

    ders = tuple(authority.issued.certificate.public_bytes(Encoding.DER) for authority in chain)
    return KeySigner(MemoryKey(issued.key), issued.certificate.public_bytes(Encoding.DER), ders)


def refusal(content: bytes, der: bytes, anchors: bytes, at: dt.datetime = AT) -> str:
    with pytest.raises(QueueError) as error:
        cms.verify_detached(content, der, anchors, at)
    return error.value.code


def openssl(
    folder: Path, content: bytes, der: bytes, anchor: Path, *more: str
) -> subprocess.CompletedProcess[bytes]:
    (folder / "c").write_bytes(content)
    (folder / "s").write_bytes(der)
    command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "s", "-content", "c"]
    command += ["-CAfile", str(anchor), "-attime", str(int(AT.timestamp())), "-out", "/dev/null", *more]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False)


@pytest.fixture(scope="module")
def der(signer: Signer) -> bytes:
    return cms.sign_detached(CONTENT, signer, AT)


def test_our_signature_verifies_here(der: bytes, pki: PkiPaths, signer: Signer) -> None:
    who = cms.verify_detached(CONTENT, der, pki.station_ca.read_bytes(), AT)
    assert who.signing_time == AT
    assert who.certificate == signer.certificate
    assert "SIMULATED TEST station signing" in who.subject
    assert "SIMULATED TEST station authority" in who.issuer
    assert cms.embedded_certificates(der) == (signer.certificate, *signer.chain)


@pytest.mark.parametrize("more", [(), ("-cades",)])
def test_openssl_accepts_our_signature(
    der: bytes, pki: PkiPaths, tmp_path: Path, more: tuple[str, ...]
) -> None:
    done = openssl(tmp_path, CONTENT, der, pki.station_ca, *more)
    assert done.returncode == 0, done.stderr


def test_openssl_refuses_one_added_byte(der: bytes, pki: PkiPaths, tmp_path: Path) -> None:
    assert openssl(tmp_path, CONTENT + b"\n", der, pki.station_ca).returncode != 0


def test_we_accept_what_openssl_signs(pki: PkiPaths, tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(CONTENT)
    command = [
        "openssl",
        "cms",
        "-sign",
        "-binary",
        "-in",
        "c",
        "-outform",
        "DER",
        "-out",
        "s",
        "-md",
        "sha256",
    ]
    command += ["-signer", str(pki.station_signing_cert), "-inkey", str(pki.station_signing_key)]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    cms.verify_detached(CONTENT, (tmp_path / "s").read_bytes(), pki.station_ca.read_bytes(), AT)


def test_other_content_is_refused(der: bytes, pki: PkiPaths) -> None:
    assert refusal(CONTENT + b" ", der, pki.station_ca.read_bytes()) == "cms.digest"


def test_another_authority_is_refused(der: bytes, pki: PkiPaths) -> None:
    assert refusal(CONTENT, der, pki.gateway_ca.read_bytes()) == "certificate.untrusted"


def test_a_certificate_is_judged_at_the_time_given(der: bytes, pki: PkiPaths) -> None:
    anchors = pki.station_ca.read_bytes()
    assert refusal(CONTENT, der, anchors, AT + 60 * DAY) == "certificate.expired"
    assert refusal(CONTENT, der, anchors, AT - DAY) == "certificate.not_yet_valid"


def test_a_tls_key_may_not_sign(pki: PkiPaths) -> None:
    uri = f"file:{pki.station_client_key}?cert={pki.station_client_cert}"
    der = cms.sign_detached(CONTENT, load_signer(uri), AT)
    assert refusal(CONTENT, der, pki.station_ca.read_bytes()) == "certificate.wrong_use"


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_flipped_bit_is_refused_or_changes_nothing_that_counts(
    data: st.DataObject, der: bytes, pki: PkiPaths, signer: Signer
) -> None:
    broken = bytearray(der)
    broken[data.draw(st.integers(0, len(der) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        who = cms.verify_detached(CONTENT, bytes(broken), pki.station_ca.read_bytes(), AT)
    except (CmsError, CertificateError):
        return
    assert who.certificate == signer.certificate
    assert who.signing_time == AT


@settings(max_examples=200, deadline=None)
@given(junk=st.binary(max_size=200), cut=st.integers(0, 1500))
def test_hostile_bytes_are_a_typed_refusal(pki: PkiPaths, der: bytes, junk: bytes, cut: int) -> None:
    for bad in (junk, der[:cut], der[:cut] + junk + der[cut:], der + b"\0" + junk):
        with pytest.raises((CmsError, CertificateError)):
            cms.verify_detached(CONTENT + b"!", bad, pki.station_ca.read_bytes(), AT)


def test_a_huge_signature_is_not_even_read() -> None:
    assert refusal(CONTENT, bytes(100_000), b"") == "cms.malformed"


def altered(der: bytes, change: Any) -> bytes:
    info = asn1_cms.ContentInfo.load(der)
    change(info["content"])
    return info.dump(force=True)


def test_two_signers_are_refused(der: bytes, pki: PkiPaths) -> None:
    def twice(signed: Any) -> None:
        signed["signer_infos"] = [signed["signer_infos"][0], signed["signer_infos"][0].copy()]

    assert refusal(CONTENT, altered(der, twice), pki.station_ca.read_bytes()) in (
        "cms.unsupported",
        "cms.malformed",
    )


def test_content_inside_the_signature_is_refused(der: bytes, pki: PkiPaths) -> None:
    def inside(signed: Any) -> None:
        signed["encap_content_info"] = {"content_type": "data", "content": CONTENT}

    assert refusal(CONTENT, altered(der, inside), pki.station_ca.read_bytes()) == "cms.unsupported"


def test_a_signature_without_its_certificate_is_refused(der: bytes, pki: PkiPaths) -> None:
    def stripped(signed: Any) -> None:
        signer = signed["signer_infos"][0]["sid"].chosen["serial_number"].native
        signed["certificates"] = [c for c in signed["certificates"] if c.chosen.serial_number != signer]

    assert refusal(CONTENT, altered(der, stripped), pki.station_ca.read_bytes()) == "cms.certificate"


def test_another_digest_algorithm_is_refused(der: bytes, pki: PkiPaths) -> None:
    def weaker(signed: Any) -> None:
        signed["signer_infos"][0]["digest_algorithm"] = {"algorithm": "sha1"}

    assert refusal(CONTENT, altered(der, weaker), pki.station_ca.read_bytes()) == "cms.unsupported"


def test_signed_attributes_cannot_be_doubled_or_dropped(der: bytes, pki: PkiPaths) -> None:
    def doubled(signed: Any) -> None:
        attributes = signed["signer_infos"][0]["signed_attrs"]
        signed["signer_infos"][0]["signed_attrs"] = [*attributes, attributes[0].copy()]

    def dropped(signed: Any) -> None:
        attributes = list(signed["signer_infos"][0]["signed_attrs"])
        signed["signer_infos"][0]["signed_attrs"] = [
            a for a in attributes if a["type"].native != "signing_time"
        ]

    assert refusal(CONTENT, altered(der, doubled), pki.station_ca.read_bytes()) == "cms.malformed"
    assert refusal(CONTENT, altered(der, dropped), pki.station_ca.read_bytes()) == "cms.signature"


def test_a_signature_of_another_kind_of_content_is_refused(pki: PkiPaths) -> None:
    other = asn1_cms.ContentInfo({"content_type": "data", "content": b"x"}).dump()
    assert refusal(CONTENT, other, pki.station_ca.read_bytes()) == "cms.unsupported"


def test_a_certificate_swapped_for_one_of_the_same_name_is_refused(pki: PkiPaths) -> None:
    root = Authority.new("root", AT)
    first = root.issue("signer", "signing", AT - DAY, AT + DAY)
    der = cms.sign_detached(CONTENT, der_signer(first), AT)
    cms.verify_detached(CONTENT, der, root.cert_pem, AT)
    second = root.issue("signer", "signing", AT - DAY, AT + DAY)
    swapped = KeySigner(MemoryKey(second.key), der_signer(first).certificate, ())
    assert refusal(CONTENT, cms.sign_detached(CONTENT, swapped, AT), root.cert_pem) == "cms.signature"


def test_an_intermediate_authority_is_followed_only_as_deep_as_its_issuer_allows() -> None:
    root = Authority.new("root", AT)
    middle = root.issue_authority("middle", AT, path_length=0)
    leaf = middle.issue("signer", "signing", AT - DAY, AT + DAY)
    der = cms.sign_detached(CONTENT, der_signer(leaf, middle), AT)
    cms.verify_detached(CONTENT, der, root.cert_pem, AT)
    assert (
        refusal(CONTENT, cms.sign_detached(CONTENT, der_signer(leaf), AT), root.cert_pem)
        == "certificate.untrusted"
    )
    below = middle.issue_authority("below", AT)
    leaf = below.issue("signer", "signing", AT - DAY, AT + DAY)
    der = cms.sign_detached(CONTENT, der_signer(leaf, below, middle), AT)
    assert refusal(CONTENT, der, root.cert_pem) == "certificate.untrusted"


def test_a_chain_deeper_than_four_is_refused() -> None:
    root = authority = Authority.new("root", AT)
    chain: list[Authority] = []
    for n in range(5):
        authority = authority.issue_authority(f"level {n}", AT, path_length=None)
        chain.insert(0, authority)
    leaf = authority.issue("signer", "signing", AT - DAY, AT + DAY)
    der = cms.sign_detached(CONTENT, der_signer(leaf, *chain), AT)
    assert refusal(CONTENT, der, root.cert_pem) == "certificate.untrusted"


def test_a_leaf_cannot_act_as_an_authority() -> None:
    root = Authority.new("root", AT)
    leaf = Authority(root.issue("leaf", "signing", AT - DAY, AT + DAY))
    forged = leaf.issue("signer", "signing", AT - DAY, AT + DAY)
    der = cms.sign_detached(CONTENT, der_signer(forged, leaf), AT)
    assert refusal(CONTENT, der, root.cert_pem) == "certificate.untrusted"


def test_an_impostor_with_the_authoritys_name_is_refused() -> None:
    leaf = Authority.new("root", AT).issue("signer", "signing", AT - DAY, AT + DAY)
    der = cms.sign_detached(CONTENT, der_signer(leaf), AT)
    assert refusal(CONTENT, der, Authority.new("root", AT).cert_pem) == "certificate.untrusted"


def test_an_anchor_file_without_certificates_is_named() -> None:
    from offline_queue import certificates

    for junk in (b"", b"no certificate"):
        with pytest.raises(CertificateError) as error:
            certificates.from_pem(junk)
        assert error.value.code == "certificate.malformed"


@pytest.mark.parametrize(("size", "told"), [(65536, False), (65537, True)])
def test_a_signature_of_more_than_64_kib_is_not_even_taken_apart(size: int, told: bool) -> None:
    with pytest.raises(CmsError) as caught:
        cms.check_signature(b"data", bytes(size))
    assert (f"a signature of {size} bytes" in caught.value.message) is told
