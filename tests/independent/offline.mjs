// A verifier without a network, by the rules of docs/TERMINAL.md: a second one beside terminal/, over the page's readers of
// codes and bundles (web/), with a reader of status lists of its own. SM2 is sm-crypto's.
import { webcrypto } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import { decode, encode } from 'cborg';
import sm from 'sm-crypto';
import { BUNDLE_BYTES_MAX, BUNDLE_TYPE, doubtOf, readBundle } from '../../web/bundle.mjs';
import { hex, Malformed, need } from '../../web/cbor.mjs';
import { read, verifyMessage } from '../../web/code.mjs';
import { ES256, isSignedBy, kidOf, readSign1, SM2, verifyByWebCrypto } from '../../web/cose.mjs';

globalThis.crypto ??= webcrypto; // Node 18 has it in node:crypto alone

const CLOCK_S = 60;
const LIST_BYTES = 262144;
const LIST_TOKEN_BYTES_MAX = 512 * 1024;
const LIST_REVOKED_MAX = 256;
const LIST_TYPE = 'application/statuslist+cwt';
const REASON_OF_BITS = [null, 'licence_invalid', 'licence_seized', 'licence_not_in_force'];
const SM2_N = 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n;

const isScalar = (octets) => {
  const number = BigInt(`0x${hex(octets)}`);
  return number > 0n && number < SM2_N;
};

// With either s. sm-crypto leaves it to others whether r and s are in range.
async function verifySignature(key, signed, signature) {
  if (key.alg === ES256) return verifyByWebCrypto(key, signed, signature);
  return isScalar(signature.subarray(0, 32)) && isScalar(signature.subarray(32)) &&
    sm.sm2.doVerifySignature(Array.from(signed), hex(signature), hex(key.publicKey), { hash: true, userId: '1234567812345678' });
}

// COSE_Sign1, tagged 61 and 18, 18, or not at all: others write it so.
function readList(octets) {
  const sign1 = (parts) => ({ parts });
  const cwt = (value) => (need(value.parts, 'tag 61 alone'), value);
  const read = (from, tags) => {
    try {
      return decode(from, { useMaps: true, rejectDuplicateMapKeys: true, allowIndefinite: false, tags });
    } catch (error) {
      throw new Malformed(error.message);
    }
  };
  need(octets.length <= LIST_TOKEN_BYTES_MAX, 'too long');
  const message = read(octets, { 18: sign1, 61: cwt });
  const [header, unprotected, payload, signature] = message.parts ?? message;
  need(unprotected instanceof Map && read(header).get(16) === LIST_TYPE, 'type');
  const parameters = new Map([...unprotected, ...read(header)]);
  const claims = read(payload);
  const [uri, expires, issued, array, kids = []] = [2, 4, 6, 65533, -65538].map((claim) => claims.get(claim));
  need(typeof uri === 'string' && Number.isInteger(issued) && expires > issued && kids.length <= LIST_REVOKED_MAX, 'claims');
  need(array?.get('bits') === 2 && array.get('lst') instanceof Uint8Array, 'list');
  return { alg: parameters.get(1), kid: hex(parameters.get(4) ?? []), uri, expires, issued, lst: array.get('lst'),
    revoked: kids.map(hex), signed: encode(['Signature1', header, new Uint8Array(), payload]), signature };
}

// All of it is one stream of exactly so many octets.
function inflate(lst) {
  try {
    const { buffer, engine } = inflateSync(lst, { info: true, maxOutputLength: LIST_BYTES });
    return buffer.length === LIST_BYTES && engine.bytesWritten === lst.length ? buffer : null;
  } catch {
    return null;
  }
}

const pointOf = ({ x, y }) => new Uint8Array(Buffer.concat([Buffer.of(4), ...[x, y].map((c) => Buffer.from(c, 'base64url'))]));
const maySign = (key, use, at) => key?.use === use && key.useFrom <= at && at < key.retireAt;

export class Terminal {
  #roots = new Map();
  #bundle = null;
  #lists = new Map(); // by number
  #revoked = { byBundle: new Set(), byList: new Set() };
  #mark = 0;
  #scans = new Map(); // of cti: was one answered valid?
  constructor({ singleUse = false } = {}) { this.singleUse = singleUse; }

  async pin({ keys }) {
    for (const jwk of keys) {
      const key = { use: jwk.jwb_use, alg: jwk.alg === 'SM2' ? SM2 : ES256, publicKey: pointOf(jwk), useFrom: jwk.nbf ?? 0,
        retireAt: jwk.exp ?? Infinity };
      const kid = await kidOf(key.alg, key.publicKey);
      if (key.use === 'root') this.#roots.set(kid, { ...key, kid });
    }
  }

  // These two: 'ok', or why it is refused.
  takeBundle(octets, now) { return this.#take(async () => this.#takeBundle(octets, now)); }
  takeList(number, octets, now) { return this.#take(async () => this.#takeList(number, octets, now)); }
  async #take(attempt) {
    try {
      return await attempt() ?? 'ok';
    } catch (error) {
      if (error instanceof Malformed) return 'malformed';
      throw error;
    }
  }

  async #takeBundle(octets, now) {
    const bundle = await readBundle(octets);
    const message = readSign1(octets, BUNDLE_TYPE, BUNDLE_BYTES_MAX);
    const root = this.#roots.get(message.kid), itself = bundle.keys.get(message.kid);
    const isTrusted = maySign(root, 'root', bundle.notBefore) && root.alg === message.alg &&
      !bundle.revoked.has(message.kid) && !this.#revoked.byBundle.has(message.kid) &&
      (!itself || maySign(itself, 'root', bundle.notBefore)) && await isSignedBy(root, message, verifySignature);
    if (!isTrusted) return 'untrusted';
    if (bundle.version <= (this.#bundle?.version ?? 0)) return 'older';
    if (bundle.notBefore > now + CLOCK_S) return 'not_yet';
    if (bundle.expires <= now) return 'expired';
    this.#bundle = bundle;
    for (const kid of bundle.revoked) this.#revoked.byBundle.add(kid);
    for (const [kid, key] of bundle.keys) if (key.use === 'root') this.#roots.set(kid, key);
    for (const kid of this.#revoked.byBundle) this.#roots.delete(kid);
    for (const [number, list] of this.#lists)
      if (bundle.lists.get(number)?.uri !== list.uri || !this.#statusKey(list)) this.#lists.delete(number);
  }

  #statusKey({ kid, issued }) {
    const key = this.#bundle.keys.get(kid);
    return maySign(key, 'status', issued) && !this.#revoked.byBundle.has(kid) ? key : null;
  }

  async #takeList(number, octets, now) {
    const named = this.#bundle?.lists.get(number);
    if (!named) return 'unknown_list';
    const list = readList(octets);
    const key = this.#statusKey(list);
    if (key?.alg !== list.alg || !await verifySignature(key, list.signed, list.signature)) return 'untrusted';
    if (list.uri !== named.uri) return 'unknown_list';
    if (list.issued <= (this.#lists.get(number)?.issued ?? -1)) return 'older';
    if (list.issued > now + CLOCK_S) return 'not_yet';
    const array = inflate(list.lst);
    need(array, 'not a list of 2^20 places');
    for (const kid of list.revoked) this.#revoked.byList.add(kid);
    this.#lists.set(number, { ...list, array });
  }

  #doubt(now) {
    const mark = Math.max(this.#mark, this.#bundle?.notBefore ?? 0, ...[...this.#lists.values()].map(({ issued }) => issued));
    if (now + CLOCK_S < mark) return 'clock_untrusted';
    return this.#bundle ? doubtOf(this.#bundle, now) : 'trust_stale';
  }

  // What the code's checks leave open; null: nothing is against it.
  #reasonOfStatus({ list: number, index, cti, type, issuer }, now) {
    const list = this.#lists.get(number);
    if (!list) return 'status_unavailable';
    const bits = list.array[index >> 2] >> 2 * (index & 3) & 3;
    if (bits) return REASON_OF_BITS[bits];
    if (now >= list.expires) return 'status_stale';
    if (this.singleUse && this.#scans.get(cti)) return 'code_already_used';
    return this.#bundle.types.has(type) && this.#bundle.issuers.has(issuer) ? null : 'catalogue_unknown';
  }

  async #check(message, now) {
    const bundle = this.#bundle ?? { keys: new Map() };
    const revoked = new Set([...this.#revoked.byBundle, ...this.#revoked.byList]);
    const checked = await verifyMessage(message, { ...bundle, revoked, now, doubt: this.#doubt(now), verifySignature });
    const isAuthentic = checked.claims !== null;
    if (checked.result !== 'authentic') return { result: checked.result, reason: checked.reason, isAuthentic };
    const reason = this.#reasonOfStatus(checked.claims, now);
    const isNegative = REASON_OF_BITS.includes(reason) || reason === 'code_already_used';
    return { result: !reason ? 'valid' : isNegative ? 'invalid' : 'indeterminate', reason: reason ?? 'none', isAuthentic };
  }

  // {result, reason}; nothing is remembered.
  async answer(text, now) {
    try {
      return await this.#check(read(text), now);
    } catch (error) {
      if (error instanceof Malformed) return { result: 'invalid', reason: 'malformed' };
      throw error;
    }
  }

  // The same, remembered if it is a code.
  async scan(text, now) {
    const answer = await this.answer(text, now);
    if (answer.reason === 'malformed') return answer;
    const { claims: { iat, cti } } = read(text);
    this.#mark = Math.max(this.#mark, now, answer.isAuthentic ? iat - CLOCK_S : 0);
    this.#scans.set(cti, this.#scans.get(cti) || answer.result === 'valid');
    return answer;
  }
}
