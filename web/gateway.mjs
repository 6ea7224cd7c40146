// What the page asks of the gateway that served it: the trust bundle, and what a code is worth now. Neither
// throws: what could not be found out is an answer of its own.
import { readBundle } from './bundle.mjs';
import { readAnswer } from './verdict.mjs';

const WAIT_MS_MAX = 8000;

// The body is read within the same wait. Addresses are relative to the page's, which may have a prefix.
async function ask(address, options, read) {
  const cancel = new AbortController();
  const timer = setTimeout(() => cancel.abort(), WAIT_MS_MAX);
  try {
    const response = await fetch(address, {
      credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer', signal: cancel.signal, ...options });
    return { response, body: await read(response) };
  } finally {
    clearTimeout(timer);
  }
}

const octets = async (response) => new Uint8Array(await response.arrayBuffer());
const text = (response) => response.text();

// A bundle, or null. One that the browser kept serves when the network does not: it says itself how long.
export async function fetchBundle() {
  const fetched = (cache) => ask('v1/trust-bundle', { cache }, octets);
  try {
    const { response, body } = await fetched('no-cache').catch(() => fetched('force-cache'));
    return response.status === 200 ? await readBundle(body) : null;
  } catch {
    return null;
  }
}

// {result, reason, licence, asOf, date}: result null, and the reason why, if the gateway said nothing that can be
// gone by. date: its clock, Unix seconds, or null.
export async function askVerdict(digits) {
  let answer;
  try {
    answer = await ask('v1/verify', {
      method: 'POST', headers: { 'content-type': 'text/plain' }, body: digits, cache: 'no-store' }, text);
  } catch {
    return { result: null, reason: 'gateway_unreachable', date: null };
  }
  const { response, body } = answer;
  const date = Date.parse(response.headers.get('date')) / 1000 || null;
  if (response.status === 429 || response.status === 503) return { result: null, reason: 'gateway_busy', date };
  if (response.status !== 200) return { result: null, reason: 'gateway_unclear', date };
  return { ...readAnswer(body), date };
}
