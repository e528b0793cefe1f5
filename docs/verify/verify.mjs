// A second verifier of custody bundles: docs/verify/FORMAT.md, written from that page alone, with Node's own library.
//
//   node verify.mjs BUNDLE... --ca STATION-CA.pem --gateway-ca GATEWAY-CA.pem [--crl LIST]... [--json]
//
// Exit code: 0 every bundle holds, 1 one does not, 2 wrong arguments, 3 a file of certificates or a list cannot be used.
import { createHash, verify as verifySignature, X509Certificate } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const OID = {
  signedData: "1.2.840.113549.1.7.2",
  data: "1.2.840.113549.1.7.1",
  contentType: "1.2.840.113549.1.9.3",
  messageDigest: "1.2.840.113549.1.9.4",
  signingTime: "1.2.840.113549.1.9.5",
  signingCertificateV2: "1.2.840.113549.1.9.16.2.47",
  sha256: "2.16.840.1.101.3.4.2.1",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
};
const LIST_SIGNED = {
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
  "1.2.840.113549.1.1.11": "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
};
const LIST_LIMIT = 4 * 1024 * 1024;
const TOO_LATE = "it was signed after its certificate was revoked";
const UNDERSTOOD = new Set(["2.5.29.19", "2.5.29.15", "2.5.29.37", "2.5.29.17"]);
const MEANT = new Set(["1.3.6.1.5.5.7.3.4", "2.5.29.37.0", "1.3.6.1.5.5.7.3.36"]);
const TRUSTED = new Set(["synchronised", "confirmed"]);
const ECHOED = ["submission_id", "tcn", "sha256", "size"];
const STEPS = {
  enqueued: "captured and signed",
  claim: "sent or asked for",
  accepted: "received",
  response: "answered",
  response_kept: "answer kept",
};
const DEEPEST = 4;

export class Broken extends Error {
  constructor(link, reason, row = null) {
    super(reason);
    Object.assign(this, { link, reason, row });
  }
}

const sha256 = (...parts) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

// ---- DER, read by hand: tag, length, value

function read(bytes, at, end = bytes.length) {
  if (at + 2 > end) throw new Error("DER ends early");
  const tag = bytes[at];
  if ((tag & 0x1f) === 0x1f) throw new Error("long tags are not used here");
  let length = bytes[at + 1];
  let start = at + 2;
  if (length & 0x80) {
    const count = length & 0x7f;
    if (count === 0 || count > 4 || start + count > end) throw new Error("not a DER length");
    length = 0;
    for (let i = 0; i < count; i += 1) length = length * 256 + bytes[start + i];
    start += count;
  }
  if (start + length > end) throw new Error("DER ends early");
  return { tag, whole: bytes.subarray(at, start + length), value: bytes.subarray(start, start + length) };
}

function items(node) {
  const found = [];
  for (let at = 0; at < node.value.length; ) {
    const item = read(node.value, at);
    found.push(item);
    at += item.whole.length;
  }
  return found;
}

function expect(node, tag, what) {
  if (!node || node.tag !== tag) throw new Error(`${what} is missing`);
  return node;
}

function oid(node) {
  const value = expect(node, 0x06, "an object identifier").value;
  const arcs = [];
  let arc = 0;
  for (const byte of value) {
    arc = arc * 128 + (byte & 0x7f);
    if (!(byte & 0x80)) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const top = Math.min(2, Math.floor(arcs[0] / 40));
  return [top, arcs[0] - 40 * top, ...arcs.slice(1)].join(".");
}

function asn1Time(node) {
  const text = node.value.toString("latin1");
  const long = node.tag === 0x18;
  const digits = long ? text : (Number(text.slice(0, 2)) < 50 ? "20" : "19") + text;
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(digits);
  if (!match || (node.tag !== 0x17 && !long)) throw new Error("not a time");
  const [, y, mo, d, h, mi, s] = match.map(Number);
  return Date.UTC(y, mo - 1, d, h, mi, s);
}

// ---- CMS (RFC 5652) and certificates (RFC 5280)

function takeApart(der) {
  const outer = items(expect(read(der, 0), 0x30, "ContentInfo"));
  if (oid(outer[0]) !== OID.signedData) throw new Error("not SignedData");
  const signed = items(read(expect(outer[1], 0xa0, "content").value, 0));
  const encapsulated = items(expect(signed[2], 0x30, "encapContentInfo"));
  if (oid(encapsulated[0]) !== OID.data || encapsulated.length !== 1) throw new Error("not detached");
  const certificates = items(expect(signed[3], 0xa0, "certificates"));
  const infos = items(expect(signed[signed.length - 1], 0x31, "signerInfos"));
  if (infos.length !== 1) throw new Error("not one signer");
  const info = items(infos[0]);
  const [issuer, serial] = items(expect(info[1], 0x30, "issuerAndSerialNumber"));
  if (oid(items(info[2])[0]) !== OID.sha256) throw new Error("not SHA-256");
  const attributes = expect(info[3], 0xa0, "signed attributes");
  if (oid(items(info[4])[0]) !== OID.ecdsaWithSha256) throw new Error("not ECDSA with SHA-256");
  const values = new Map();
  for (const attribute of items(attributes)) {
    const [name, set] = items(attribute);
    const inside = items(expect(set, 0x31, "values"));
    if (inside.length !== 1 || values.has(oid(name))) throw new Error("a signed attribute is there twice");
    values.set(oid(name), inside[0]);
  }
  if (oid(values.get(OID.contentType)) !== OID.data) throw new Error("what is signed is not plain data");
  const leaf = certificates.find((one) => {
    const fields = tbs(one.whole);
    return fields.issuer.whole.equals(issuer.whole) && fields.serial.whole.equals(serial.whole);
  });
  const reference = values.get(OID.signingCertificateV2);
  if (!leaf || (reference && !certificateHash(reference).equals(sha256(leaf.whole)))) {
    throw new Error("the signer's certificate is not in the signature");
  }
  const moment = values.get(OID.signingTime);
  const asSet = Buffer.from(attributes.whole);
  asSet[0] = 0x31; // RFC 5652, 5.4: the signature is over the SET OF, not over the [0]
  return {
    leaf: certificate(leaf.whole),
    others: certificates.filter((one) => one !== leaf).map((one) => certificate(one.whole)),
    digest: expect(values.get(OID.messageDigest), 0x04, "messageDigest").value,
    attributes: asSet,
    signature: expect(info[5], 0x04, "signature").value,
    signingTime: moment ? asn1Time(moment) : null,
  };
}

function certificateHash(reference) {
  const first = items(items(items(reference)[0])[0]);
  return first.find((item) => item.tag === 0x04).value; // hashAlgorithm is left out: SHA-256 is the default
}

function extensionsOf(sequence) {
  const found = new Map();
  for (const extension of sequence ? items(sequence) : []) {
    const parts = items(extension);
    const critical = parts[1].tag === 0x01 && parts[1].value[0] !== 0;
    if (found.has(oid(parts[0]))) throw new Error("an extension is there twice");
    found.set(oid(parts[0]), { critical, value: parts[parts.length - 1].value });
  }
  return found;
}

function tbs(der) {
  const fields = items(items(expect(read(der, 0), 0x30, "certificate"))[0]);
  const first = fields[0].tag === 0xa0 ? 1 : 0;
  const [notBefore, notAfter] = items(fields[first + 3]).map(asn1Time);
  const wrapped = fields.find((field) => field.tag === 0xa3);
  const extensions = extensionsOf(wrapped && items(wrapped)[0]);
  return { serial: fields[first], issuer: fields[first + 2], subject: fields[first + 4], notBefore, notAfter, extensions };
}

const kept = new Map();

function certificate(der) {
  const key = der.toString("latin1");
  if (!kept.has(key)) kept.set(key, { ...tbs(der), x509: new X509Certificate(der), der: Buffer.from(der), issued: new Map() });
  return kept.get(key);
}

function usageBit(one, bit) {
  const usage = one.extensions.get("2.5.29.15");
  if (!usage) return true;
  const bits = read(usage.value, 0).value; // BIT STRING: unused bits, then the bits from the left
  return bits.length > 1 + (bit >> 3) && Boolean(bits[1 + (bit >> 3)] & (0x80 >> (bit & 7)));
}

const understood = (one) => [...one.extensions].every(([name, { critical }]) => !critical || UNDERSTOOD.has(name));

function maySign(leaf) {
  const uses = leaf.extensions.get("2.5.29.37");
  const meant = !uses || items(read(uses.value, 0)).some((use) => MEANT.has(oid(use)));
  return (usageBit(leaf, 0) || usageBit(leaf, 1)) && meant && understood(leaf);
}

function isAuthority(one, below) {
  const constraints = one.extensions.get("2.5.29.19");
  if (!constraints || !usageBit(one, 5) || !understood(one)) return false;
  const parts = items(read(constraints.value, 0));
  if (!parts.length || parts[0].tag !== 0x01 || !parts[0].value[0]) return false;
  const length = parts.find((part) => part.tag === 0x02);
  return !length || below <= length.value.reduce((sum, byte) => sum * 256 + byte, 0);
}

function issued(child, issuer, below) {
  if (!child.issuer.whole.equals(issuer.subject.whole) || !isAuthority(issuer, below)) return false;
  const key = issuer.der.toString("latin1");
  if (!child.issued.has(key)) child.issued.set(key, child.x509.verify(issuer.x509.publicKey));
  return child.issued.get(key);
}

function search(path, others, trusted) {
  const last = path[path.length - 1];
  for (const anchor of trusted) if (issued(last, anchor, path.length - 1)) return [...path, anchor];
  if (path.length >= DEEPEST) return null;
  for (const other of others) {
    if (!path.includes(other) && issued(last, other, path.length - 1)) {
      const found = search([...path, other], others, trusted);
      if (found) return found;
    }
  }
  return null;
}

function signer(der, digest, trusted, at) {
  const signed = takeApart(der);
  if (!signed.digest.equals(digest)) throw new Error("the signature is over other bytes");
  const key = signed.leaf.x509.publicKey;
  if (key.asymmetricKeyType !== "ec" || key.asymmetricKeyDetails.namedCurve !== "prime256v1") {
    throw new Error("the signer's key is not P-256");
  }
  if (!verifySignature("sha256", signed.attributes, key, signed.signature)) throw new Error("the signature does not match");
  if (!maySign(signed.leaf)) throw new Error("the certificate is not meant for signing");
  const path = search([signed.leaf], signed.others.slice(0, 16), trusted);
  if (!path) throw new Error("the signer was not certified by a trusted authority");
  for (const one of path) {
    if (at < one.notBefore || at > one.notAfter) throw new Error(`a certificate was not valid at ${new Date(at).toISOString()}`);
  }
  const subject = signed.leaf.x509.subject.split("\n").reverse().join(",");
  return { subject, path, moment: Math.max(at, signed.signingTime ?? at) };
}

export function anchors(pem) {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (!blocks) throw new Error("no certificate in PEM form");
  return blocks.map((block) => certificate(new X509Certificate(block).raw));
}

// ---- revocation lists (RFC 5280, section 5)

function requireUnderstood(extensions, known) {
  for (const [name, { critical }] of extensions) {
    if (critical && !known.has(name)) throw new Error("it has a critical extension that is not known here");
  }
}

const LIST_KNOWN = new Set(["2.5.29.20", "2.5.29.35", "2.5.29.28"]);
const ENTRY_KNOWN = new Set(["2.5.29.21", "2.5.29.24"]);
const REASONS = new Set([0, 1, 2, 3, 4, 5, 6, 9, 10]); // 8 is for delta lists

function entryOf(node) {
  const [serial, date, more] = items(node);
  const extensions = extensionsOf(more);
  requireUnderstood(extensions, ENTRY_KNOWN);
  if (extensions.has("2.5.29.29")) throw new Error("it speaks of another authority's certificates");
  const reason = extensions.get("2.5.29.21");
  if (reason && !REASONS.has(expect(read(reason.value, 0), 0x0a, "a reason").value[0])) throw new Error("not a reason");
  const invalid = extensions.get("2.5.29.24");
  const at = asn1Time(date);
  return [serialText(expect(serial, 0x02, "a serial number").value), invalid ? Math.min(at, asn1Time(read(invalid.value, 0))) : at];
}

function scopeOf(extensions) {
  const point = extensions.get("2.5.29.28");
  const said = new Map((point ? items(read(point.value, 0)) : []).map((item) => [item.tag & 0x1f, item.value]));
  const yes = (tag) => said.has(tag) && said.get(tag)[0] !== 0;
  if (yes(4) || said.has(3) || yes(5)) throw new Error("it is no list of one authority for all reasons");
  return { about: yes(2) ? "authorities" : yes(1) ? "users" : "all", part: said.has(0) };
}

const serialText = (value) => value.toString("hex").replace(/^0+(?=.)/, "");

// data: Buffer of DER or PEM. An Error says why it cannot be used
export function revocationList(data) {
  if (data.length > LIST_LIMIT) throw new Error("it is too large");
  const block = /-----BEGIN X509 CRL-----([^-]+)-----END X509 CRL-----/.exec(data.toString("latin1"));
  const der = block ? Buffer.from(block[1], "base64") : data;
  const outer = expect(read(der, 0), 0x30, "a list");
  if (outer.whole.length !== der.length) throw new Error("there are bytes behind it");
  const [whole, algorithm, signature] = items(outer);
  const fields = items(whole);
  if (fields[0].tag === 0x02) fields.shift(); // version 2
  const hash = LIST_SIGNED[oid(items(algorithm)[0])];
  if (!hash || !fields[0].whole.equals(algorithm.whole)) throw new Error("it is signed with neither ECDSA nor RSA and SHA-2");
  const [, issuer, date, next, ...rest] = fields;
  if (next?.tag !== 0x17 && next?.tag !== 0x18) throw new Error("it does not say when the next one comes");
  const entries = rest.find((field) => field.tag === 0x30);
  const wrapped = rest.find((field) => field.tag === 0xa0);
  const extensions = extensionsOf(wrapped && items(wrapped)[0]);
  if (extensions.has("2.5.29.27")) throw new Error("it is a delta list");
  requireUnderstood(extensions, LIST_KNOWN);
  return {
    issuer,
    hash,
    ...scopeOf(extensions),
    date: asn1Time(date),
    entries: new Map((entries ? items(entries) : []).map(entryOf)),
    content: whole.whole,
    signature: expect(signature, 0x03, "signature").value.subarray(1),
    by: new Map(),
  };
}

function signedList(list, authority) {
  if (!authority.subject.whole.equals(list.issuer.whole) || !usageBit(authority, 6)) return false;
  if (!list.by.has(authority)) {
    list.by.set(authority, verifySignature(list.hash, list.content, authority.x509.publicKey, list.signature));
  }
  return list.by.get(authority);
}

function covers(list, child, moment) {
  const constraints = child.extensions.get("2.5.29.19");
  const first = constraints && items(read(constraints.value, 0))[0];
  const kind = first?.tag === 0x01 && first.value[0] ? "authorities" : "users";
  return ["all", kind].includes(list.about) && !list.part && list.date >= moment;
}

// what the lists say of one signature: { entry: null or {serial, since}, covered }
function lookUp(lists, path, trusted, moment) {
  let covered = true;
  for (let i = 0; i + 1 < path.length; i += 1) {
    const child = path[i];
    const serial = serialText(child.serial.value);
    const counting = lists.filter(
      (list) => list.issuer.whole.equals(child.issuer.whole) && [path[i + 1], ...trusted].some((one) => signedList(list, one)),
    );
    for (const list of counting) {
      const since = list.entries.get(serial);
      if (since !== undefined && since <= moment) return { entry: { serial, since }, covered: true };
    }
    covered = covered && counting.some((list) => covers(list, child, moment));
  }
  return { entry: null, covered };
}

// ---- the links, in the order of FORMAT.md

function bytes(text) {
  const found = Buffer.from(text, "base64");
  if (found.toString("base64") !== text) throw new Error("not base64");
  return found;
}

function time(text) {
  const found = /(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(found)) throw new Error("not a time");
  return found;
}

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
}

function object(data, link, row = null, strict = true) {
  let value;
  try {
    value = JSON.parse(data.toString("utf8"));
  } catch {
    throw new Broken(link, "not JSON", row);
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new Broken(link, "not JSON", row);
  if (strict && canonical(value) !== data.toString("utf8")) throw new Broken(link, "not in canonical form", row);
  return value;
}

// notes who signed; true when a list says that the certificate was revoked by then
function judged(proof, name, der, digest, at, row = null) {
  const trusted = /^(receipt|response)/.test(name) ? proof.gateway : proof.station;
  const { subject, path, moment } = signer(der, digest, trusted, at);
  proof.who[name] = subject;
  if (!proof.lists.length) return false;
  const { entry, covered } = lookUp(proof.lists, path, trusted, moment);
  if (!covered) proof.notCovered.add(name);
  if (entry) {
    const since = new Date(entry.since).toISOString().replace(".000Z", "Z");
    proof.revoked.push({ signature: name, row, serial: entry.serial, since });
  }
  return entry !== null;
}

function signed(proof, name, link, signature, content, at, row = null) {
  try {
    return judged(proof, name, bytes(signature), sha256(content), time(at), row);
  } catch (error) {
    throw new Broken(link, error.message, row);
  }
}

function chain(proof) {
  const { first, before, rows } = proof.bundle.chain;
  if (!/^[0-9a-f]{64}$/.test(before)) throw new Error("not a SHA-256");
  if (!rows.length) throw new Broken("chain", "no rows", first);
  let prev = Buffer.from(before, "hex");
  const last = new Map();
  rows.forEach((item, index) => {
    const number = first + index;
    const text = Buffer.from(item.row, "utf8");
    const digest = sha256(prev, text);
    if (digest.toString("hex") !== item.hash) {
      throw new Broken("chain", "the row is not what was written, or a row is missing before it", number);
    }
    const row = object(text, "chain", number);
    if (row.id !== number) throw new Broken("chain", "the row has another number", number);
    if (row.monotonic_ms < (last.get(row.boot) ?? 0)) throw new Broken("order", "within a boot, time runs backwards", number);
    last.set(row.boot, row.monotonic_ms);
    proof.rows.push(row);
    proof.hashes.set(number, item.hash);
    prev = digest;
  });
  proof.hashes.set(first - 1, before);
}

function seals(proof) {
  const { first, before } = proof.bundle.chain;
  const end = proof.rows[proof.rows.length - 1].id;
  const named = new Set();
  for (const seal of proof.bundle.seals) {
    const statement = bytes(seal.statement);
    const said = object(statement, "seal");
    const number = said.audit_id;
    if (number > end) throw new Broken("seal", "rows are missing at the end: a signed head names more", end + 1);
    const late = signed(proof, "seals", "seal", seal.signature, statement, said.at, number);
    if (said.hash !== proof.hashes.get(number) || !TRUSTED.has(said.trust)) {
      throw new Broken("seal", "the signed head does not name this row", number);
    }
    if (!late) named.add(number); // one that was signed too late signs for nothing
  }
  if (first > 1 ? !named.has(first - 1) : before !== "0".repeat(64)) {
    throw new Broken("seal", "nothing signed leads to the first row", first);
  }
  if (!named.has(end)) throw new Broken("seal", "the last row is not signed for", end);
}

function manifest(proof) {
  const content = bytes(proof.bundle.manifest);
  const said = object(content, "manifest");
  if (said.schema !== 1 || said.parts.length !== 1) throw new Broken("manifest", "a manifest of another schema");
  proof.manifestLate = signed(proof, "manifest", "manifest", proof.bundle.signature, content, said.created_at);
  proof.manifest = { ...said, sha256: said.parts[0].sha256, size: said.parts[0].size };
}

function enqueued(proof) {
  const mine = proof.rows.filter((row) => row.submission_id === proof.manifest.submission_id);
  const taken = mine.filter((row) => row.event === "enqueued" || row.event === "imported");
  if (taken.length !== 1 || mine[0] !== taken[0]) {
    throw new Broken("enqueued", "not one row that takes the submission in, before all its others");
  }
  const [row] = taken;
  const digest = sha256(bytes(proof.bundle.manifest)).toString("hex");
  const same = row.detail.manifest_sha256 === digest && ["sha256", "size", "tcn"].every((name) => row.detail[name] === proof.manifest[name]);
  if (!same) throw new Broken("enqueued", "the row speaks of another manifest", row.id);
  if (row.event === "enqueued" && proof.manifest.prev_audit !== proof.hashes.get(row.id - 1)) {
    throw new Broken("enqueued", "the manifest names another row before it", row.id);
  }
  if (row.event === "enqueued" && !TRUSTED.has(row.trust ?? "confirmed")) {
    throw new Broken("enqueued", "signed on a clock nobody vouched for", row.id);
  }
}

function counterSignatures(proof) {
  const first = bytes(proof.bundle.signature);
  let vouched = false;
  for (const counter of proof.bundle.counter_signatures) {
    const name = `counter_signature ${counter.n}`;
    const late = signed(proof, name, "counter_signature", counter.signature, first, counter.signed_at);
    vouched = vouched || !late;
  }
  if (proof.manifestLate && !vouched) throw new Broken("manifest", TOO_LATE);
}

function receipt(proof) {
  const rows = proof.rows.filter((row) => row.event === "accepted" && row.submission_id === proof.manifest.submission_id);
  const one = proof.bundle.receipt;
  if (one === null) {
    if (rows.length) throw new Broken("receipt", "a row speaks of a receipt that is not here", rows[0].id);
    return;
  }
  const content = bytes(one.receipt);
  const said = object(content, "receipt", null, false);
  if (signed(proof, "receipt", "receipt", one.signature, content, said.received_at)) throw new Broken("receipt", TOO_LATE);
  if (said.custody !== true || ECHOED.some((name) => said[name] !== proof.manifest[name])) {
    throw new Broken("receipt", "the receipt is for another submission");
  }
  if (rows.length !== 1 || rows[0].detail.receipt_sha256 !== sha256(content).toString("hex")) {
    throw new Broken("receipt", "no row speaks of this receipt", rows.length ? rows[0].id : null);
  }
}

function responses(proof) {
  const rows = new Map();
  for (const row of proof.rows) {
    if (row.event === "response_kept" && row.detail.tcr === proof.manifest.tcn) rows.set(row.detail.sha256, row);
  }
  for (const answer of proof.bundle.responses) {
    const row = rows.get(answer.sha256);
    if (!row || row.detail.seq !== answer.seq) throw new Broken("response", `no row speaks of response ${answer.seq}`);
    rows.delete(answer.sha256);
    try {
      const der = bytes(answer.signature);
      const moment = takeApart(der).signingTime ?? time(row.at);
      const late = judged(proof, `response ${answer.seq}`, der, Buffer.from(answer.sha256, "hex"), moment);
      if (late) throw new Error(TOO_LATE);
    } catch (error) {
      throw new Broken("response", `response ${answer.seq}: ${error.message}`, row.id);
    }
  }
  if (rows.size) {
    const first = Math.min(...[...rows.values()].map((row) => row.id));
    throw new Broken("response", "a row speaks of a response that is not here", first);
  }
}

function transaction(proof, beside) {
  const inside = proof.bundle.transaction;
  const content = "content" in inside ? bytes(inside.content) : beside;
  if (content) {
    const { sha256: digest, size } = proof.manifest;
    if (sha256(content).toString("hex") !== digest || content.length !== size) {
      throw new Broken("transaction", "these bytes are not the ones that were signed");
    }
  }
  proof.who.transaction = content ? "checked" : "not in the bundle";
}

function steps(proof) {
  const { submission_id: name, tcn } = proof.manifest;
  return proof.rows
    .filter((row) => row.submission_id === name || row.detail.tcr === tcn)
    .map((row) => {
      const { detail } = row;
      const gateway = ["accepted", "response", "response_kept"].includes(row.event);
      const who = detail.officer || detail.operator || detail.worker || proof.who[gateway ? "receipt" : "manifest"] || "";
      return { row: row.id, step: STEPS[row.event] ?? `changed: ${row.event}`, who, at: row.at, trust: row.trust ?? null };
    });
}

// bundle: the parsed custody.json; station, gateway: what `anchors` returned; beside: Buffer of transaction.an2 or null;
// lists: what `revocationList` returned
export function verifyBundle(bundle, station, gateway, beside = null, lists = []) {
  const proof = {
    ...{ bundle, station, gateway, lists, rows: [], hashes: new Map(), manifest: {}, who: {} },
    ...{ revoked: [], notCovered: new Set(), manifestLate: false },
  };
  let broken = null;
  try {
    if (bundle.format !== "station-custody" || bundle.version !== 1) {
      throw new Broken("format", "not a custody bundle of version 1");
    }
    for (const check of [chain, seals, manifest, enqueued, counterSignatures, receipt, responses]) check(proof);
    transaction(proof, beside);
  } catch (error) {
    const known = error instanceof Broken;
    broken = known
      ? { link: error.link, row: error.row, reason: error.reason }
      : { link: "format", row: null, reason: `not a custody bundle: ${error.message}` };
  }
  const { submission_id = null, tcn = null } = proof.manifest;
  const { revoked, notCovered } = proof;
  const revocation = lists.length ? { lists: lists.length, revoked, not_covered: [...notCovered].sort() } : null;
  const told = { ok: broken === null, submission_id, tcn, signers: proof.who, revocation };
  return { ...told, steps: broken ? [] : steps(proof), first_broken: broken };
}

export function verifyFile(path, station, gateway, lists = []) {
  try {
    const folder = statSync(path).isDirectory();
    const data = readFileSync(folder ? join(path, "custody.json") : path);
    const beside = folder && existsSync(join(path, "transaction.an2")) ? readFileSync(join(path, "transaction.an2")) : null;
    return { bundle: path, ...verifyBundle(object(data, "format"), station, gateway, beside, lists) };
  } catch (error) {
    const reason = error instanceof Broken ? error.reason : `cannot be read: ${error.code ?? error.message}`;
    return { bundle: path, ok: false, steps: [], first_broken: { link: "format", row: null, reason } };
  }
}

function text(report) {
  if (!report.ok) {
    const { link, row, reason } = report.first_broken;
    return `NOT PROVEN ${report.bundle}: ${link}${row === null ? "" : `, audit row ${row}`}: ${reason}`;
  }
  const lines = [`PROVEN ${report.bundle}: ${report.submission_id}, TCN ${report.tcn}`];
  for (const s of report.steps) lines.push(`  ${String(s.row).padStart(6)} ${s.at} (${s.trust}) ${s.step}: ${s.who}`);
  for (const [name, who] of Object.entries(report.signers)) lines.push(`  signed, ${name}: ${who}`);
  return [...lines, ...revocationLines(report.revocation)].join("\n");
}

function revocationLines(found) {
  if (!found) return ["  revocation was not looked at: no list was given (--crl FILE)"];
  const lines = found.revoked.map(
    (one) => `  REVOKED since ${one.since}, and signed later: ${one.signature} (certificate ${one.serial})`,
  );
  if (found.not_covered.length) lines.push(`  no list speaks of: ${found.not_covered.join(", ")}`);
  return lines.length ? lines : [`  nothing was signed after its certificate was revoked (${found.lists} lists)`];
}

function main(words) {
  const options = {};
  const bundles = [];
  const crls = [];
  let json = false;
  for (let i = 0; i < words.length; i += 1) {
    if (words[i] === "--json") json = true;
    else if (words[i] === "--crl") crls.push(words[(i += 1)]);
    else if (words[i] === "--ca" || words[i] === "--gateway-ca") options[words[i]] = words[(i += 1)];
    else bundles.push(words[i]);
  }
  if (!bundles.length || !options["--ca"] || !options["--gateway-ca"]) {
    process.stderr.write("usage: node verify.mjs BUNDLE... --ca STATION-CA.pem --gateway-ca GATEWAY-CA.pem [--crl LIST]... [--json]\n");
    return 2;
  }
  let station, gateway;
  try {
    [station, gateway] = ["--ca", "--gateway-ca"].map((name) => anchors(readFileSync(options[name], "utf8")));
  } catch (error) {
    process.stderr.write(`a certificate file cannot be used: ${error.message}\n`);
    return 3;
  }
  const lists = [];
  for (const path of crls) {
    try {
      lists.push(revocationList(readFileSync(path)));
    } catch (error) {
      process.stderr.write(`the revocation list ${path} cannot be used: ${error.message}\n`);
      return 3;
    }
  }
  const reports = bundles.map((path) => verifyFile(path, station, gateway, lists));
  for (const report of reports) process.stdout.write(`${json ? JSON.stringify(report) : text(report)}\n`);
  return reports.every((report) => report.ok) ? 0 : 1;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) process.exitCode = main(process.argv.slice(2));
