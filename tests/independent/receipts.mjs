// A reader of receipts written from docs/PROTOCOL.md, section 15; the numbers in the comments are
// sections of that document. Like the verifier of codes it shares no code with the gateway.

import { createHash } from 'node:crypto';
import {
  decodeCbor, encodeCbor, hexOf, isMapWith, isOctets, isSignedBy, isText, need, needSameEncoding, readJwks, Refused,
} from './verifier.mjs';

const TAG_18 = 0xd2;
const CLAIM_RECEIPT = -65540;
const TYP = 'application/jwb-receipt+cbor';
const BYTES_MAX = 1024;

// What a gateway says (10).
const REASONS = {
  invalid: ['malformed', 'bad_signature', 'code_expired', 'key_revoked', 'licence_expired', 'licence_seized',
    'licence_withdrawn', 'licence_revoked', 'licence_cancelled', 'licence_rescinded', 'licence_lapsed',
    'licence_transferred', 'licence_superseded', 'licence_not_in_force', 'code_already_used', 'not_yet_valid',
    'unknown_key'],
  indeterminate: ['licence_unknown', 'status_unavailable', 'catalogue_unknown'],
};

const isPlainText = (value, least, most) => isText(value, least, most) && !/\p{Cc}/u.test(value);

function readHeader(octets) {
  const header = decodeCbor(octets);
  need(isMapWith(header, [1, 4, 16]), 'protected header');
  const [alg, kid, typ] = [1, 4, 16].map((key) => header.get(key));
  need((alg === -7 || alg === -65601) && isOctets(kid, 4) && typ === TYP, 'protected header');
  needSameEncoding(new Map([[1, alg], [4, kid], [16, typ]]), octets, 'protected header');
  return { alg, kid: hexOf(kid) };
}

function readVerdict(result, reason) {
  if (result === 'valid') need(reason === null, 'a reason for valid');
  else need(Object.hasOwn(REASONS, result) && REASONS[result].includes(reason), 'result and reason');
}

function readClaims(octets) {
  const map = decodeCbor(octets);
  need(isMapWith(map, [1, 2, 6, 7, CLAIM_RECEIPT]), 'claims');
  const [iss, sub, iat, cti, items] = [1, 2, 6, 7, CLAIM_RECEIPT].map((key) => map.get(key));
  need(isPlainText(iss, 0, 128) && isPlainText(sub, 0, 128), 'iss or sub');
  need(Number.isSafeInteger(iat) && iat >= 0, 'iat'); // a later one than 2^53 is nobody's
  need(isOctets(cti, 8), 'cti');
  need(Array.isArray(items) && items.length === 8, 'items');
  const [version, kind, subject, result, reason, purpose, fields, shown] = items;
  need(version === 1 && (kind === 1 || kind === 2), 'version or kind');
  need(isOctets(subject, kind === 1 ? 8 : 32), 'subject');
  readVerdict(result, reason);
  need(isPlainText(purpose, 0, 128), 'purpose');
  need(Array.isArray(fields) && fields.length <= 32 && fields.every((name) => isPlainText(name, 1, 32)), 'fields');
  need(isOctets(shown, 32), 'shown');
  needSameEncoding(new Map([[1, iss], [2, sub], [6, iat], [7, cti], [CLAIM_RECEIPT, items]]), octets, 'claims');
  return {
    iss, sub, iat, cti: hexOf(cti), kind, subject: hexOf(subject), result, reason, purpose, fields, shown: hexOf(shown),
  };
}

function readReceipt(octets) {
  need(octets.length <= BYTES_MAX && octets[0] === TAG_18, 'tag 18');
  const rest = octets.subarray(1);
  const message = decodeCbor(rest);
  need(Array.isArray(message) && message.length === 4, 'message');
  const [header, unprotected, payload, signature] = message;
  need(isOctets(header) && isOctets(payload), 'protected or payload');
  need(isMapWith(unprotected, []), 'unprotected');
  need(isOctets(signature, 64), 'signature');
  needSameEncoding([header, new Map(), payload, signature], rest, 'message');
  return {
    ...readHeader(header),
    receipt: readClaims(payload),
    toBeSigned: encodeCbor(['Signature1', header, new Uint8Array(0), payload]),
    signature,
  };
}

// Checks 1 to 3 of a receipt with a gateway's JWKS: {result: 'ok', receipt} or {result: the first failure}.
// Throws if the JWKS must be refused.
export async function verifyReceipt(octets, jwks) {
  const keys = await readJwks(jwks);
  try {
    const message = readReceipt(octets);
    const key = keys.get(message.kid);
    const { iat } = message.receipt;
    if (key?.use !== 'receipt' || iat < key.useFrom || iat >= key.retireAt) return { result: 'unknown_key' };
    if (message.alg !== -7 || !await isSignedBy(key, message)) return { result: 'bad_signature' };
    return { result: 'ok', receipt: message.receipt };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { result: error.reason };
  }
}

// What `subject` must be for a licence that was asked with its number and its holder's name.
export function subjectOf(cti, number, holderName) {
  return createHash('sha256').update('jwb-receipt-1').update(Buffer.from(cti, 'hex'))
    .update(`${number}\0${holderName}`).digest('hex');
}

// What `shown` must be for the body of an answer: the octets of its member `licence` (a JSON object
// with texts and objects inside), or of nothing.
export function shownOf(body) {
  const text = body.toString();
  const begin = text.indexOf('"licence":{');
  let end = begin + '"licence":'.length;
  let depth = 0;
  for (let quoted = false; begin >= 0; end++) {
    if (quoted && text[end] === '\\') end++;
    else if (text[end] === '"') quoted = !quoted;
    else if (!quoted && text[end] === '{') depth++;
    else if (!quoted && text[end] === '}' && --depth === 0) break;
  }
  const shown = begin < 0 ? '' : text.slice(begin + '"licence":'.length, end + 1);
  return createHash('sha256').update(shown).digest('hex');
}
