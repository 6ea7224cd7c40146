// A reader of the receipts of actions, written from docs/PROTOCOL.md. Like the verifier of codes it
// shares no code with the gateway.

import {
  decodeCbor, encodeCbor, hexOf, isMapWith, isOctets, isSignedBy, isText, need, needSameEncoding, readJwks, Refused,
} from './verifier.mjs';

const TAG_18 = 0xd2;
const CLAIM_ACTION = -65541;
const TYP = 'application/jwb-action-receipt+cbor';
const BYTES_MAX = 759;
const STATUSES = ['rescinded', 'revoked', 'cancelled', 'superseded', 'lapsed', 'withdrawn', 'transferred', 'other',
  'seized', 'in_doubt', 'valid'];

const isPlainText = (value, least, most) => isText(value, least, most) && !/\p{Cc}/u.test(value);
const isTime = (value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32;
const octetsOf = (text) => Buffer.byteLength(text);

function readHeader(octets) {
  const header = decodeCbor(octets);
  need(isMapWith(header, [1, 4, 16]), 'protected header');
  const [alg, kid, typ] = [1, 4, 16].map((key) => header.get(key));
  need((alg === -7 || alg === -65601) && isOctets(kid, 4) && typ === TYP, 'protected header');
  needSameEncoding(new Map([[1, alg], [4, kid], [16, typ]]), octets, 'protected header');
  return { alg, kid: hexOf(kid) };
}

function readClaims(octets) {
  const map = decodeCbor(octets);
  need(isMapWith(map, [1, 2, 6, 7, CLAIM_ACTION]), 'claims');
  const [iss, sub, iat, cti, items] = [1, 2, 6, 7, CLAIM_ACTION].map((key) => map.get(key));
  need(isPlainText(iss, 1, 128) && isPlainText(sub, 1, 64), 'iss or sub');
  need(isOctets(cti, 16), 'cti');
  need(Array.isArray(items) && items.length === 13, 'items');
  const [version, action, agency, caseNumber, officer, licence, type, holder, tail, status, at, due, evidence] = items;
  need(version === 1 && isPlainText(action, 1, 14), 'version or action');
  need(isPlainText(agency, 1, 64) && isPlainText(officer, 0, 64) && octetsOf(agency) + octetsOf(officer) < 64, 'who');
  need(isPlainText(caseNumber, 1, 64), 'case number');
  need(isOctets(licence, 32) && isPlainText(type, 1, 64), 'licence or type');
  need(isPlainText(holder, 0, 96) && isPlainText(tail, 0, 4), 'holder or tail');
  need(STATUSES.includes(status), 'status');
  need(isTime(at) && iat === at && (due === null || (isTime(due) && due > 0)), 'times');
  need(evidence === null || isOctets(evidence, 32), 'evidence');
  needSameEncoding(new Map([[1, iss], [2, sub], [6, iat], [7, cti], [CLAIM_ACTION, items]]), octets, 'claims');
  return {
    iss, sub, id: hexOf(cti), action, agency, case_number: caseNumber, officer, licence: hexOf(licence), type, holder,
    tail, status, at, due_at: due, evidence: evidence && hexOf(evidence),
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
    payload,
    receipt: readClaims(payload),
    toBeSigned: encodeCbor(['Signature1', header, new Uint8Array(0), payload]),
    signature,
  };
}

// With a gateway's JWKS: {result: 'ok', receipt, payload} or {result: the first failure}. Throws if the JWKS must be
// refused.
export async function verifyActionReceipt(octets, jwks) {
  const keys = await readJwks(jwks);
  try {
    const message = readReceipt(octets);
    const key = keys.get(message.kid);
    if (key?.use !== 'receipt' || message.receipt.at >= key.retireAt) return { result: 'unknown_key' };
    if (message.alg !== -7 || !await isSignedBy(key, message)) return { result: 'bad_signature' };
    return { result: 'ok', receipt: message.receipt, payload: message.payload };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { result: error.reason };
  }
}
