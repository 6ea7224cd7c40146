// The identifiers of docs/PROTOCOL.md section 13, written from that document alone. They are no part
// of a code; each check answers 'ok' or what is wrong first. Lengths are octets of UTF-8.

const ALPHABET_36 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const ALPHABET_31 = '0123456789ABCDEFGHJKLMNPQRTUWXY';
const LICENCE_ROOT = '1.2.156.3005.2.';
const MAX_LICENCE_LENGTH = 128;

const lengthOf = (text) => Buffer.byteLength(text);

function mod37Check(text) {
  let p = 36;
  for (const character of text) {
    p = (p + ALPHABET_36.indexOf(character)) % 36 || 36;
    p = (2 * p) % 37;
  }
  return ALPHABET_36[(37 - p) % 36];
}

function areLicenceSegments(segments) {
  if (segments.length !== 5) return false;
  const [type, issuer, serial, version, check] = segments.map((segment) => segment.length);
  return type >= 1 && type <= 30 && (issuer === 18 || issuer === 6) && serial >= 1 &&
    version >= 1 && version <= 3 && check === 1;
}

export function checkLicence(text) {
  if (lengthOf(text) > MAX_LICENCE_LENGTH) return 'length';
  if (!text.startsWith(LICENCE_ROOT)) return 'root';
  const rest = text.slice(LICENCE_ROOT.length);
  if (!/^[0-9A-Z.]*$/.test(rest)) return 'character';
  const segments = rest.split('.');
  if (!areLicenceSegments(segments)) return 'segment';
  return mod37Check(segments.slice(0, 4).join('')) === segments[4] ? 'ok' : 'check';
}

// ISO 7064 MOD 11-2 over 17 digits.
function mod11Check(digits) {
  const p = [...digits].reduce((sum, digit) => ((sum + Number(digit)) * 2) % 11, 0);
  return '0123456789X'[(12 - p) % 11];
}

// Date takes the 30th of February for a day in March; a day that exists comes back as it went in.
function isBirthday(text) {
  const [year, month, day] = [text.slice(0, 4), text.slice(4, 6), text.slice(6)].map(Number);
  const date = new Date(Date.UTC(year, month - 1, day));
  return year >= 1900 && date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day;
}

function checkFormerCitizen(text) {
  const digits = `${text.slice(0, 6)}19${text.slice(6)}`;
  if (!isBirthday(digits.slice(6, 14))) return { result: 'date' };
  return { result: 'ok', read: digits + mod11Check(digits) };
}

// Answers {result, read}: read is the number of 18 characters if the result is 'ok'.
export function checkCitizen(text) {
  if (lengthOf(text) !== 15 && lengthOf(text) !== 18) return { result: 'length' };
  if (!/^([0-9]{15}|[0-9]{17}[0-9Xx])$/.test(text)) return { result: 'character' };
  if (text.length === 15) return checkFormerCitizen(text);
  if (!isBirthday(text.slice(6, 14))) return { result: 'date' };
  const read = text.toUpperCase();
  return mod11Check(read.slice(0, 17)) === read[17] ? { result: 'ok', read } : { result: 'check' };
}

// The answer 'check' is a warning: some lawful early codes fail it.
export function checkCreditCode(text) {
  if (lengthOf(text) !== 18) return 'length';
  const values = [...text].map((character) => ALPHABET_31.indexOf(character));
  if (values.includes(-1)) return 'character';
  let sum = 0;
  let weight = 1;
  for (const value of values.slice(0, 17)) {
    sum += value * weight;
    weight = (weight * 3) % 31;
  }
  return (31 - (sum % 31)) % 31 === values[17] ? 'ok' : 'check';
}
