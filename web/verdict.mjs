// What the phone found out and what the gateway says, made into one verdict. No DOM.

// The gateway's closed list of reasons (docs/PROTOCOL.md section 10).
const INVALID = ['malformed', 'bad_signature', 'code_expired', 'not_yet_valid', 'unknown_key', 'key_revoked',
  'licence_expired', 'licence_seized', 'licence_withdrawn', 'licence_revoked', 'licence_cancelled',
  'licence_rescinded', 'licence_lapsed', 'licence_transferred', 'licence_superseded', 'licence_not_in_force',
  'code_already_used'];
const INDETERMINATE = ['licence_unknown', 'status_unavailable', 'catalogue_unknown'];
const RESULT_OF = new Map([[null, 'valid'], ...INVALID.map((reason) => [reason, 'invalid']),
  ...INDETERMINATE.map((reason) => [reason, 'indeterminate'])]);

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00$/; // as the gateway writes it

const textOr = (value, otherwise) => (typeof value === 'string' ? value : otherwise);

function readLicence(licence) {
  if (typeof licence !== 'object' || licence === null) return null;
  return {
    type: textOr(licence.type?.name, ''), typeEnglish: '', holderName: textOr(licence.holder_name, ''),
    number: textOr(licence.number, ''),
    validUntil: licence.valid_until === null ? null : textOr(licence.valid_until, undefined),
  };
}

// The body of an answer of POST /v1/verify: {result, reason, licence, asOf}. What is not on the list, or not an
// answer, is result null and the reason gateway_unclear.
export function readAnswer(body) {
  try {
    const { result, reason, as_of: asOf, licence } = JSON.parse(body);
    if (RESULT_OF.has(reason) && RESULT_OF.get(reason) === result)
      return { result, reason, licence: readLicence(licence), asOf: TIME.test(asOf) ? asOf : null };
  } catch { /* no JSON, or no object */ }
  return { result: null, reason: 'gateway_unclear' };
}

function faceOfClaims(claims, types) {
  const type = types.get(claims.type);
  return {
    type: type?.name ?? '', typeEnglish: type?.english ?? '', holderName: claims.holder_name,
    number: claims.number_tail && `****${claims.number_tail}`,
    validUntil: claims.valid_until === null ? null
      : new Date(claims.valid_until * 86400000).toISOString().slice(0, 10),
  };
}

// The stricter of both. Green needs the two of them: of the phone that nothing is wrong, of the gateway that the
// licence is valid. A signature that no browser checks (SM2) is left to the gateway.
function settle({ exp }, local, gateway, now) {
  if (gateway.result === 'invalid') return { result: 'invalid', reason: gateway.reason };
  if (local.result === 'invalid') return { result: 'invalid', reason: local.reason };
  if (now >= exp) return { result: 'invalid', reason: 'code_expired' };
  if (gateway.result !== 'valid') return { result: 'indeterminate', reason: gateway.reason };
  if (local.result === 'indeterminate') return { result: 'indeterminate', reason: local.reason };
  return { result: 'valid', reason: null };
}

// Nothing of a code's content is shown unless its signature was found good, here or there, and it lives.
function faceOf({ exp }, local, gateway, types, now) {
  const isForged = local.result === 'invalid' && !local.claims;
  if (isForged || now >= exp) return null;
  const own = local.claims && faceOfClaims(local.claims, types);
  return gateway.licence ? { ...gateway.licence, typeEnglish: own?.typeEnglish ?? '' } : own;
}

// claims: the code's, whether authentic or not; local: of code.mjs's verifyMessage; gateway: of readAnswer; types:
// of a bundle; now: Unix seconds.
export function decide(claims, local, gateway, types, now) {
  return { ...settle(claims, local, gateway, now), face: faceOf(claims, local, gateway, types, now) };
}
