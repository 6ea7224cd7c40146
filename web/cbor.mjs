// Deterministically encoded CBOR (RFC 8949 section 4.2.1), as licence codes and trust bundles use it: a
// reader that is told what must come next, and refuses everything else.

// What was read is not what it should be: its writer's fault.
export class Malformed extends Error {}

export function need(condition, what) {
  if (!condition) throw new Malformed(what);
}

const UINT = 0, NEGATIVE = 1, BYTES = 2, TEXT = 3, ARRAY = 4, MAP = 5, TAG = 6;
const NULL_ITEM = 0xf6;
const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER);

// A leading U+FEFF is a character like any other.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class Reader {
  #octets;
  #at = 0;
  constructor(octets) { this.#octets = octets; }

  #take(count) {
    need(count <= this.#octets.length - this.#at, 'cut off');
    return this.#octets.subarray(this.#at, this.#at += count);
  }

  // The next item's argument, a BigInt.
  #head(major) {
    const [first] = this.#take(1);
    need(first >> 5 === major, 'another kind of item');
    const low = first & 0x1f;
    if (low < 24) return BigInt(low);
    need(low < 28, 'indefinite or reserved');
    const argument = this.#take(1 << (low - 24));
    const value = argument.reduce((sum, octet) => sum << 8n | BigInt(octet), 0n);
    const least = low === 24 ? 24n : 1n << BigInt(4 * argument.length);
    need(value >= least, 'not the shortest form');
    return value;
  }
  #number(major, max) {
    const value = this.#head(major);
    need(value <= SAFE_MAX && value <= max, 'out of range');
    return Number(value);
  }

  uint(max) { return this.#number(UINT, max); }
  int() {
    const negative = this.#octets[this.#at] >> 5 === NEGATIVE;
    return negative ? -1 - this.#number(NEGATIVE, SAFE_MAX) : this.#number(UINT, SAFE_MAX);
  }
  bytes(least, most) {
    const length = this.#number(BYTES, most);
    need(length >= least, 'too short');
    return this.#take(length);
  }
  text(least, most) {
    const length = this.#number(TEXT, most);
    need(length >= least, 'too short');
    try {
      return utf8.decode(this.#take(length));
    } catch {
      throw new Malformed('not UTF-8');
    }
  }
  array(count) { need(this.#number(ARRAY, count) === count, 'another number of items'); }
  arrayOf(most, readItem) { return Array.from({ length: this.#number(ARRAY, most) }, () => readItem(this)); }
  map(count) { need(this.#number(MAP, count) === count, 'another number of members'); }
  key(wanted) { need(this.int() === wanted, 'another key'); }
  tag(wanted) { need(this.#number(TAG, wanted) === wanted, 'another tag'); }
  isNull() {
    if (this.#octets[this.#at] !== NULL_ITEM) return false;
    this.#at++;
    return true;
  }
  end() { need(this.#at === this.#octets.length, 'something behind it'); }
}

// The text, without control characters.
export function printable(text) {
  need(!/[\u0000-\u001f\u007f-\u009f]/.test(text), 'control character');
  return text;
}

// A byte string of less than 2^32 octets, with its head.
export function bytesItem(octets) {
  const { length } = octets;
  const head = length < 24 ? [length]
    : length < 256 ? [24, length]
    : length < 65536 ? [25, length >> 8, length & 255]
    : [26, length >>> 24, length >> 16 & 255, length >> 8 & 255, length & 255];
  head[0] |= BYTES << 5;
  return concatenate(head, octets);
}

export function concatenate(...parts) {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export const hex = (octets) => Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join('');
