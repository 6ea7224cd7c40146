// The page: what is known, put into words. Everything is inserted as text.
import { Malformed } from './cbor.mjs';
import { digitsOf, read, verifyMessage } from './code.mjs';
import { doubtOf } from './bundle.mjs';
import { isOff, setTime, time, wasChanged } from './clock.mjs';
import { askVerdict, fetchBundle } from './gateway.mjs';
import { decide } from './verdict.mjs';
import { words } from './words.mjs';

const at = (id) => document.getElementById(id);

// ---- settings: the only two things that are kept ----

function stored(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}
function store(name, value) {
  try { localStorage.setItem(name, value); } catch { /* not allowed: for this visit, then */ }
}

const settings = {
  language: stored('language') ?? (/^zh\b/i.test(navigator.language) ? 'zh' : 'en'),
  elder: stored('elder') === 'on',
};

const say = (key) => words[key]?.[settings.language === 'en' ? 'en' : 'zh'];

// ---- what is known of the code that was scanned last ----

let known = { phase: 'idle' };
const now = () => Math.floor(time());

// Checks 2 to 8 here; without WebCrypto they are the gateway's.
async function checkHere(message, bundle) {
  if (!globalThis.crypto?.subtle) return { result: 'unchecked', reason: null, claims: null };
  if (!bundle) return { result: 'indeterminate', reason: 'keys_unavailable', claims: null };
  try {
    return await verifyMessage(message, { ...bundle, now: now(), doubt: doubtOf(bundle, now()) });
  } catch {
    return { result: 'indeterminate', reason: 'keys_unavailable', claims: null };
  }
}

// The gateway's verdict, and its time as soon as it is there.
async function ask(digits) {
  const answer = await askVerdict(digits);
  setTime(answer.date ?? time());
  return answer;
}

async function check(code) {
  const checked = known = { phase: 'checking', code };
  render();
  try {
    checked.message = read(code);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    checked.phase = 'malformed';
    return render();
  }
  const [bundle, gateway] = await Promise.all([fetchBundle(), ask(digitsOf(code))]);
  const local = await checkHere(checked.message, bundle);
  Object.assign(checked, { phase: 'done', gateway, local, types: bundle?.types ?? new Map() });
  if (known === checked) render();
}

// ---- showing ----

// Only what is different is written, so that a screen reader speaks what is new and no more.
function put(id, text) {
  const element = at(id);
  if (element.textContent !== (text ?? '')) element.textContent = text ?? '';
  if (element.hidden === Boolean(text)) element.hidden = !text;
}

function verdict() {
  if (known.phase === 'idle') return null;
  if (known.phase === 'checking') return { result: 'checking', reason: null, face: null };
  if (known.phase === 'malformed') return { result: 'invalid', reason: 'malformed', face: null };
  return decide(known.message.claims, known.local, known.gateway, known.types, now());
}

function dateText(validUntil) {
  return validUntil === null ? say('longTerm') : validUntil;
}

function renderFace(face, result) {
  at('licence').hidden = !face;
  put('compare', say(result === 'invalid' ? 'shown' : 'compare'));
  const inEnglish = settings.language === 'en' && face?.typeEnglish;
  put('type', face && (inEnglish ? face.typeEnglish : face.type));
  at('type').lang = inEnglish ? 'en' : 'zh-CN';
  put('name', face?.holderName);
  put('number', face?.number);
  put('until', face && dateText(face.validUntil));
  for (const term of document.querySelectorAll('#licence dt')) term.hidden = term.nextElementSibling.hidden;
}

// What each of the two said: the phone that checked, the gateway that knows. Once the code is dead it is history.
function renderSaid({ reason }) {
  at('said').hidden = known.phase !== 'done' || reason === 'code_expired';
  if (at('said').hidden) return;
  const { local, gateway } = known;
  put('here', say(`here_${local.result}`) + (local.reason ? say(`reason_${local.reason}`) : ''));
  put('there', gateway.result === 'valid' ? say('there_valid') : say(`reason_${gateway.reason}`));
  put('as-of', gateway.licence && gateway.asOf && `${say('asOf')} ${gateway.asOf.slice(0, 19).replace('T', ' ')}`);
  put('clock', isOff() && say('clockOff'));
}

function adviceOf(result, reason) {
  const ofLicence = result === 'invalid' && reason.startsWith('licence_');
  return say(`advice_${reason}`) ?? say(`advice_${ofLicence ? 'licence' : result}`);
}

function renderLife({ result }) {
  const left = known.message ? known.message.claims.exp - now() : 0;
  const counts = known.phase === 'done' && result !== 'invalid' && left > 0;
  put('life', counts && say('life').replace('{s}', left));
  return counts;
}

function render() {
  clearTimeout(render.timer);
  if (known.phase === 'done' && wasChanged()) return check(known.code); // it may be dead, or alive
  const { result, reason, face } = verdict() ?? {};
  document.documentElement.lang = settings.language === 'en' ? 'en' : 'zh-CN';
  document.documentElement.dataset.elder = settings.elder ? 'on' : 'off';
  document.body.dataset.result = result ?? 'none';
  for (const element of document.querySelectorAll('[data-say]')) element.textContent = say(element.dataset.say);
  at('language').lang = settings.language === 'en' ? 'zh-CN' : 'en';
  at('elder').setAttribute('aria-pressed', settings.elder);
  const word = result && (say(`word_${reason}`) ?? say(`word_${result}`));
  document.title = [word, say('title')].filter(Boolean).join(' · ');
  put('word', word);
  put('reason', reason && say(`reason_${reason}`));
  put('advice', result && adviceOf(result, reason));
  at('again').hidden = result !== 'indeterminate';
  at('paste').hidden = !['idle', 'malformed'].includes(known.phase);
  renderFace(face, result);
  renderSaid({ reason });
  if (renderLife({ result })) render.timer = setTimeout(render, 1000 * (1 - time() % 1));
}

// ---- what the visitor does ----

at('language').addEventListener('click', () => {
  settings.language = settings.language === 'en' ? 'zh' : 'en';
  store('language', settings.language);
  render();
});
at('elder').addEventListener('click', () => {
  settings.elder = !settings.elder;
  store('elder', settings.elder ? 'on' : 'off');
  render();
});
at('again').addEventListener('click', () => check(known.code));
at('form').addEventListener('submit', (event) => {
  event.preventDefault();
  const code = at('code').value;
  at('code').value = '';
  check(code);
  at('word').focus();
});

// An answer that was asleep with the phone may be over.
document.addEventListener('visibilitychange', render);

at('host').textContent = location.host;

// A text as scanned, or its digits; empty: none was scanned.
export function show(code) {
  if (code) check(code);
  else render();
}
