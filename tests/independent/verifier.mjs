// A verifier of licence codes written from docs/PROTOCOL.md alone, by somebody who had not seen the
// other implementation. It shares no code with it, so that a mistake in one shows as a disagreement.
// The numbers in the comments are sections of that document.

import { webcrypto } from 'node:crypto';
import { decode, encode, rfc8949EncodeOptions, Tokenizer, Type } from 'cborg';

const ALG_ES256 = -7;
const ALG_SM2 = -65601;
const CLAIM_LICENCE = -65537;
const MAX_LIFETIME_S = 300;
const CHINA_OFFSET_S = 28800;
const DAY_S = 86400;

// The order of P-256, for the ranges of r and s (6).
const P256_N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const P256_HALF_N = (P256_N - 1n) / 2n;

// The largest time in a JWKS (7).
const MAX_TIME_S = 999999999999;

const TEXT = /^(https:\/\/[A-Za-z0-9][A-Za-z0-9._~:/-]{0,23}\/v[#/])?([0-9]{1,600})$/;
const BLANKS = ' \t\r\n';

// How many digits hold how many octets (2): the index is the number of octets.
const DIGITS_OF_OCTETS = [0, 3, 5, 8, 10, 13, 15, 17];
const GROUP_OCTETS = 7;
const GROUP_DIGITS = 17;

// Reasons that mean 'could not find out' to a verifier that is not the gateway (10).
const INDETERMINATE = new Set(['unknown_key', 'not_yet_valid']);

// A code was refused, for one of the reasons of section 8. Any other exception is a failure of the
// verifier or of what it was given, and says nothing about the code.
export class Refused extends Error {
  constructor(reason, detail) {
    super(detail ?? reason);
    this.reason = reason;
  }
}

export function need(condition, detail) {
  if (!condition) throw new Refused('malformed', detail);
}

// ---------------------------------------------------------------------------------------------
// Text and digits (1, 2)

// String.prototype.trim would also take away no-break spaces, byte order marks and more.
function trimBlanks(text) {
  let start = 0;
  let end = text.length;
  while (start < end && BLANKS.includes(text[start])) start++;
  while (end > start && BLANKS.includes(text[end - 1])) end--;
  return text.slice(start, end);
}

export function digitsOfText(text) {
  need(typeof text === 'string', 'not a text');
  const match = TEXT.exec(trimBlanks(text));
  need(match, 'not the text of a code');
  return match[2];
}

function octetsOfGroup(group) {
  const count = DIGITS_OF_OCTETS.indexOf(group.length);
  need(count > 0, 'no group has so many digits');
  // 17 digits do not fit into a double.
  let number = BigInt(group);
  need(number < 1n << BigInt(8 * count), 'group too large for its octets');
  const octets = [];
  for (let i = 0; i < count; i++) {
    octets.push(Number(number & 0xffn));
    number >>= 8n;
  }
  return octets;
}

export function octetsOfDigits(digits) {
  need(/^[0-9]*$/.test(digits), 'not digits');
  const octets = [];
  for (let at = 0; at < digits.length; at += GROUP_DIGITS) {
    octets.push(...octetsOfGroup(digits.slice(at, at + GROUP_DIGITS)));
  }
  return Uint8Array.from(octets);
}

export function digitsOfOctets(octets) {
  let digits = '';
  for (let at = 0; at < octets.length; at += GROUP_OCTETS) {
    const group = octets.slice(at, at + GROUP_OCTETS);
    const number = group.reduceRight((sum, octet) => (sum << 8n) | BigInt(octet), 0n);
    digits += number.toString().padStart(DIGITS_OF_OCTETS[group.length], '0');
  }
  return digits;
}

// ---------------------------------------------------------------------------------------------
// CBOR (3)

// The library decodes text leniently: it replaces what is not UTF-8 and swallows a leading U+FEFF,
// which is a character like any other here. So the text is decoded from the octets it retains.
class StrictTokenizer extends Tokenizer {
  next() {
    const token = super.next();
    if (Type.equals(token.type, Type.string)) {
      token.value = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(token.byteValue);
    }
    return token;
  }
}

const DECODE_OPTIONS = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowNaN: false,
  allowInfinity: false,
  useMaps: true,
  rejectDuplicateMapKeys: true,
  retainStringBytes: true,
};

export function decodeCbor(octets) {
  try {
    const tokenizer = new StrictTokenizer(octets, DECODE_OPTIONS);
    return decode(octets, { ...DECODE_OPTIONS, tokenizer });
  } catch (error) {
    throw new Refused('malformed', `not CBOR as it should be: ${error.message}`);
  }
}

export function encodeCbor(value) {
  return encode(value, rfc8949EncodeOptions);
}

function sameOctets(a, b) {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}

// The library cannot tell 1.0 from 1 nor see the order of keys; encoding again shows both.
export function needSameEncoding(value, octets, what) {
  need(sameOctets(encodeCbor(value), octets), `${what} is not deterministically encoded`);
}

// ---------------------------------------------------------------------------------------------
// Message and claims (4, 5)

function isUint(value, limit) {
  return Number.isSafeInteger(value) && value >= 0 && value < limit;
}

const isUint16 = (value) => isUint(value, 2 ** 16);
const isUint32 = (value) => isUint(value, 2 ** 32);

export function isOctets(value, length) {
  return value instanceof Uint8Array && (length === undefined || value.length === length);
}

export function isMapWith(value, keys) {
  return value instanceof Map && value.size === keys.length && keys.every((key) => value.has(key));
}

export function isText(value, least, most) {
  if (typeof value !== 'string') return false;
  const { length } = new TextEncoder().encode(value);
  return length >= least && length <= most;
}

function readProtected(octets) {
  const header = decodeCbor(octets);
  need(isMapWith(header, [1, 4]), 'protected header');
  const alg = header.get(1);
  const kid = header.get(4);
  need(alg === ALG_ES256 || alg === ALG_SM2, 'alg');
  need(isOctets(kid, 4), 'kid');
  needSameEncoding(new Map([[1, alg], [4, kid]]), octets, 'protected header');
  return { alg, kid: hexOf(kid) };
}

function readLicence(licence) {
  need(Array.isArray(licence) && licence.length === 10, 'licence');
  const [profile, kind, type, issuer, version, name, tail, validUntil, list, index] = licence;
  need(profile === 1, 'profile');
  need(kind === 0 || kind === 1, 'kind');
  need([type, issuer, version, list].every(isUint16), 'type, issuer, version or list');
  need(isText(name, 1, 105), 'holder_name');
  // The category Cc is U+0000-001F and U+007F-009F, and nothing else.
  need(!/\p{Cc}/u.test(name), 'control character in holder_name');
  need(isText(tail, 0, 4) && /^[\x21-\x7e]*$/.test(tail), 'number_tail');
  need(validUntil === null || isUint16(validUntil), 'valid_until');
  need(isUint(index, 2 ** 20), 'index');
  return {
    kind, type, issuer, version, holder_name: name, number_tail: tail, valid_until: validUntil, list, index,
  };
}

function readClaims(octets) {
  const map = decodeCbor(octets);
  need(isMapWith(map, [4, 6, 7, CLAIM_LICENCE]), 'claims');
  const [exp, iat, cti] = [4, 6, 7].map((key) => map.get(key));
  need(isUint32(exp) && isUint32(iat), 'exp or iat');
  need(isOctets(cti, 8), 'cti');
  const licence = readLicence(map.get(CLAIM_LICENCE));
  needSameEncoding(
    new Map([[4, exp], [6, iat], [7, cti], [CLAIM_LICENCE, map.get(CLAIM_LICENCE)]]), octets, 'claims');
  need(exp > iat && exp - iat <= MAX_LIFETIME_S, 'lifetime');
  return { exp, iat, cti: hexOf(cti), ...licence };
}

export function readMessage(octets) {
  const message = decodeCbor(octets);
  need(Array.isArray(message) && message.length === 4, 'message');
  const [header, unprotected, payload, signature] = message;
  need(isOctets(header) && isOctets(payload), 'protected or payload');
  need(isMapWith(unprotected, []), 'unprotected');
  need(isOctets(signature, 64), 'signature');
  needSameEncoding([header, new Map(), payload, signature], octets, 'message');
  return {
    ...readProtected(header),
    claims: readClaims(payload),
    toBeSigned: encodeCbor(['Signature1', header, new Uint8Array(0), payload]),
    signature,
  };
}

// ---------------------------------------------------------------------------------------------
// Keys (7)

export function hexOf(octets) {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join('');
}

function numberOf(octets) {
  return BigInt(`0x${hexOf(octets)}`);
}

// Buffer reads base64url with anything in between; writing it again shows what was skipped.
function coordinateOf(text) {
  const octets = Buffer.from(String(text), 'base64url');
  if (octets.length !== 32 || octets.toString('base64url') !== text) {
    throw new Error('JWKS: a coordinate is not 32 octets in base64url');
  }
  return octets;
}

// Fails for a point that is not on the curve. Only what is needed goes in: other members, key_ops
// say, could make the import fail.
export async function importPoint({ x, y }) {
  return webcrypto.subtle.importKey(
    'jwk', { kty: 'EC', crv: 'P-256', x, y }, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']);
}

async function kidOf(x, y) {
  const key = encodeCbor(new Map([[1, 2], [-1, 1], [-2, x], [-3, y]]));
  const thumbprint = await webcrypto.subtle.digest('SHA-256', key);
  return hexOf(new Uint8Array(thumbprint).subarray(0, 4));
}

function isTaken(jwk) {
  if (typeof jwk !== 'object' || jwk === null) throw new Error('JWKS: a key is not an object');
  return jwk.kty === 'EC' && jwk.crv === 'P-256' && jwk.use === 'sig' && jwk.alg === 'ES256' &&
    [undefined, 'code', 'receipt'].includes(jwk.jwb_use);
}

function timeOf(value, absent) {
  if (value === undefined) return absent;
  if (!isUint(value, MAX_TIME_S + 1)) throw new Error('JWKS: nbf or exp is not a time');
  return value;
}

async function readKey(jwk) {
  const x = coordinateOf(jwk.x);
  const y = coordinateOf(jwk.y);
  if (jwk.kid !== await kidOf(x, y)) throw new Error('JWKS: a kid is not the thumbprint of its key');
  return {
    alg: ALG_ES256,
    use: jwk.jwb_use ?? 'code',
    useFrom: timeOf(jwk.nbf, 0),
    retireAt: timeOf(jwk.exp, Infinity),
    publicKey: await importPoint(jwk),
  };
}

// The keys of a parsed JWKS by kid. Throws if the set must be refused as a whole.
export async function readJwks(jwks) {
  if (!Array.isArray(jwks?.keys)) throw new Error('JWKS: no keys');
  const keys = new Map();
  for (const jwk of jwks.keys.filter(isTaken)) {
    if (keys.has(jwk.kid)) throw new Error('JWKS: a kid comes twice');
    keys.set(jwk.kid, await readKey(jwk));
  }
  return keys;
}

// ---------------------------------------------------------------------------------------------
// Signature (6) and the order of checks (8)

function isCanonicalSignature(signature) {
  const r = numberOf(signature.subarray(0, 32));
  const s = numberOf(signature.subarray(32));
  return r > 0n && r < P256_N && s > 0n && s <= P256_HALF_N;
}

export async function isSignedBy(key, message) {
  return isCanonicalSignature(message.signature) && webcrypto.subtle.verify(
    { name: 'ECDSA', hash: 'SHA-256' }, key.publicKey, message.signature, message.toBeSigned);
}

function keyOf(message, keys) {
  const key = keys.get(message.kid);
  const { iat } = message.claims;
  const vouches = key?.use === 'code' && key.alg === message.alg && key.useFrom <= iat && iat < key.retireAt;
  if (!vouches) throw new Refused('unknown_key');
  return key;
}

async function checkAuthentic(message, { keys, now, futureS, pastS, revokedKids }) {
  if (revokedKids.includes(message.kid)) throw new Refused('key_revoked');
  const key = keyOf(message, keys);
  const { iat, exp } = message.claims;
  if (iat > now + futureS) throw new Refused('not_yet_valid');
  if (now >= exp + pastS) throw new Refused('code_expired');
  if (!await isSignedBy(key, message)) throw new Refused('bad_signature');
}

function isLicenceExpired({ valid_until: validUntil }, now) {
  return validUntil !== null && Math.floor((now + CHINA_OFFSET_S) / DAY_S) > validUntil;
}

function answerOfRefusal(error) {
  if (!(error instanceof Refused)) throw error;
  const result = INDETERMINATE.has(error.reason) ? 'indeterminate' : 'invalid';
  // Nothing of the content leaves before the signature has been found good.
  return { result, reason: error.reason, kid: null, claims: null };
}

async function verifyRead(read, settings) {
  try {
    const message = read();
    await checkAuthentic(message, settings);
    const { kid, claims } = message;
    return isLicenceExpired(claims, settings.now)
      ? { result: 'invalid', reason: 'licence_expired', kid, claims }
      : { result: 'ok', reason: null, kid, claims };
  } catch (error) {
    return answerOfRefusal(error);
  }
}

async function settingsOf({ jwks, now, futureS = 60, pastS = 30, revokedKids = [] }) {
  if (!Number.isSafeInteger(now)) throw new TypeError('now must be whole Unix seconds');
  return { keys: await readJwks(jwks), now, futureS, pastS, revokedKids };
}

// Checks 1 and 3 to 8 of a text as scanned, or of its digits alone. The default tolerances are a
// terminal's. Whether the clock may be believed (2) and what the licence is worth now (9) is for the
// caller to find out. Answers {result: 'ok' | 'invalid' | 'indeterminate', reason, kid, claims};
// throws if the JWKS must be refused or the cryptography fails, for then nothing was found out.
export async function verifyText(text, options) {
  const settings = await settingsOf(options);
  return verifyRead(() => readMessage(octetsOfDigits(digitsOfText(text))), settings);
}

// The same for the octets of a message, without text and digits.
export async function verifyOctets(octets, options) {
  const settings = await settingsOf(options);
  return verifyRead(() => readMessage(octets), settings);
}
