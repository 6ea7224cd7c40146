// docs/ACCESS.md has a table of who gets what; each of its cells is asked for here, and a role, an
// endpoint or an object without its cells is a failure.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { Site, until } from './lib/site.mjs';

const root = path.resolve(path.dirname(new URL(import.meta.url).pathname), '../..');
const source = (name) => fs.readFileSync(path.join(root, name), 'utf8');
const roles = [...source('protocol/token.h').matchAll(/^ {4}TOKEN_ROLE_([A-Z]+)\b(?! *COUNT)/gm)].map((m) => m[1].toLowerCase())
  .filter((role) => !['count', 'operator'].includes(role)); // an operator has no token: evidence alone knows him
const routes = [...source('gateway/routes.def').matchAll(/^ROUTE\((\w+), *"(\w+)", *"([^"]+)", *(\w+)/gm)]
  .map(([, id, method, target, listener]) => ({ id, endpoint: `${method} ${target}`, internal: listener === 'INTERNAL' }));
const OBJECTS = ['own', 'foreign', 'entrusted'];

// What an endpoint is asked; those that take a licence (or what hangs on one) are asked for each object. From the first
// action on the licences are seized, so what needs a valid one stands before it in routes.def, or was displayed before.
const CASE = '2026-17';
const body = (value) => ({ headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) });
const ASKED = {
  VERIFY: { of: async (w, object) => ({ headers: { 'content-type': 'text/plain' }, body: await w.code(object) }),
    word: (answer) => answer.result },
  DISPLAY: { of: (w, object) => body({ licence: w[object].id }) },
  LICENCES: {},
  LICENCE: { of: (w, object) => ({ rest: w[object].id }) },
  STATUS: { of: (w, object) => body({ handles: [w[object].place] }), word: (answer) => answer.statuses[0].status },
  PARTNER_CHECK: { of: (w, object) => body({ licence_number: w[object].number, holder_name: w[object].holder_name }),
    word: (answer) => answer.result },
  CONSENT_GIVE: { of: (w, object) => body({ licence: w[object].id, partner: 'car-rental', purpose: 'hiring', until: w.tomorrow }) },
  CONSENT_LIST: {},
  CONSENT_WITHDRAW: { of: async (w, object) => ({ rest: await w.consent(object) }) },
  MANDATE_GIVE: { of: (w, object) => body({ licence: w[object].id, person_name: w.friend.CZZT, person_number: w.friend.CZZTDM }) },
  MANDATE_LIST: {},
  MANDATE_END: { of: async (w, object) => ({ rest: await w.mandate(object) }) },
  MY_CHECKS: {},
  LOOKUP: { of: (w, object) => body({ licence_number: w[object].number, case_number: '2026-17', reason: 'phone_unavailable' }),
    word: (answer) => (answer.licences.length ? 'found' : 'none') },
  RETRIEVE: { of: (w, object) => body({ matter: 'matter-1', holder_number: w[object].holder_number, operator: 'clerk-4',
    types: [w[object].type.code], legal_basis: w.basis }), word: (answer) => (answer.licences.length ? 'found' : 'none') },
  ACCESS_SUBMIT: { of: null, ask: (w) => body({ ...w.application, matter: 'matter-2' }) },
  ACCESS_LIST: {},
  ACTION_PLACE: { of: (w, object) => w.seizure(object) },
  ACTION_SHOW: { of: async (w, object) => ({ rest: await w.action(object) }) },
  ACTION_RECEIPT: { of: async (w, object) => ({ rest: await w.action(object) }) },
  OBJECT: { of: (w, object, role) => body({ field: 'valid_until', claimed: '2051-01-01',
    ...role === 'inspector' ? { code: w.scanned[object] } : { licence: w[object].id } }) },
  OBJECTION_LIST: {},
  TRACE: { of: async (w, object, role) => {
    if (object !== 'foreign') await w.action(object, CASE);
    return { rest: w[object].id, query: role === 'auditor' ? `?case=${CASE}` : '' };
  } },
  ISSUER_PUT: { of: (w, object) => ({ rest: w[object].id, ...body(w.record(object)) }) },
  ISSUER_IMPORT: { ask: (w) => ({ headers: { 'content-type': 'application/x-ndjson' }, body: JSON.stringify(w.record('own')) }) },
  ISSUER_STATUS: { of: (w, object) => ({ rest: w[object].id, ...body({ status: 'valid' }) }) },
  ISSUER_ACTIONS: {},
  ISSUER_DECIDE: { of: async (w, object) => ({ rest: await w.action(object), ...body({ decision: 'confirm' }) }) },
  ISSUER_OBJECTIONS: {},
  ISSUER_OBJECTION: { of: async (w, object) => ({ rest: await w.objection(object), ...body({ state: 'checking' }) }) },
  RECONCILIATION: {}, QUALITY: {}, CHECKPOINT: {},
  SCANS: { of: (w, object) => body({ scans: [w.scan(object)] }), word: (answer) => answer.scans[0].outcome },
  TRUST_BUNDLE: {}, STATUS_LISTS: {}, STATUS_LIST: { ask: () => ({ rest: '0' }) },
  REGISTER: {}, WEB: { ask: () => ({ rest: 'page.mjs' }) },
  TOKEN: { ask: () => ({ headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'grant_type=client_credentials' }) },
  METADATA: {}, JWKS: {}, LANDING: {}, LANDING_CODE: { ask: () => ({ rest: '123' }) },
  ALIVE: {}, READY: {}, METRICS: {},
};

// The table: {endpoint, object, role} -> cell.
function cells() {
  const lines = source('docs/ACCESS.md').split('\n').filter((line) => line.startsWith('|')).map((line) =>
    line.split('|').slice(1, -1).map((cell) => cell.trim().replaceAll('`', '')));
  const heading = lines.findIndex((cells) => cells[0] === 'endpoint');
  const columns = lines[heading].slice(2);
  const found = new Map();
  for (const [endpoint, object, ...row] of lines.slice(heading + 2)) {
    if (!/^(GET|POST|PUT|DELETE) /.test(endpoint)) break;
    columns.forEach((role, i) => found.set(`${endpoint} ${object} ${role}`, row[i]));
  }
  return found;
}
const objectsOf = (route) => (ASKED[route.id]?.of ? OBJECTS : ['-']);

test('the table has a cell for each role, endpoint and object, and no other', () => {
  const wanted = routes.flatMap((route) => objectsOf(route).flatMap((object) =>
    roles.map((role) => `${route.endpoint} ${object} ${role}`)));
  assert.deepEqual(routes.filter((r) => !ASKED[r.id]).map((r) => r.id), [], 'endpoints that nobody asks here');
  assert.deepEqual([...cells().keys()].sort(), wanted.sort());
});

test('the table of scopes says which roles have them', () => {
  const [, table] = source('docs/ACCESS.md').match(/^\| scope \|(.+?)\n\n/ms);
  const told = new Map([...table.matchAll(/^\| `(\w+)` \| [^|]+ \| ([\w, ]+) \|$/gm)]
    .map(([, scope, who]) => [scope, who === 'none' ? [] : who.split(', ')]));
  const had = new Map([...source('protocol/token.h').matchAll(/^ {4}S\(([A-Z]+), "(\w+)"\)/gm)].map(([, id, word]) => [word,
    [...source('protocol/token.c').matchAll(/^ {4}\[TOKEN_ROLE_(\w+)\] = \{([^}]+)\}/gm)]
      .filter(([, role, scopes]) => role !== 'ANYBODY' && new RegExp(`TOKEN_SCOPE_${id}\\b`).test(scopes))
      .map(([, role]) => role.toLowerCase())]));
  assert.ok(had.size > 0);
  assert.deepEqual(told, had);
});

test('each cell is answered as the table says', { timeout: 240000 }, async (t) => {
  const w = await world(t);
  const wrong = [];
  for (const route of routes)
    for (const object of objectsOf(route))
      for (const role of roles) {
        const said = await answered(w, route, object, role);
        const expected = cells().get(`${route.endpoint} ${object} ${role}`);
        if (said !== expected) wrong.push(`${route.endpoint} ${object} ${role}: ${said}, not ${expected}`);
      }
  assert.deepEqual(wrong, []);
});

async function answered(w, route, object, role) {
  const asked = ASKED[route.id];
  const [method, pattern] = route.endpoint.split(' ');
  const { rest, query = '', ...options } = await (asked.of ?? asked.ask)?.(w, object, role) ?? {};
  const answer = await w.gateway.request(method, pattern.replace('*', rest) + query,
    { token: w.tokens[role], internal: route.internal, ...options });
  let value = {};
  if (/[/+]json/.test(answer.headers['content-type'])) value = answer.json();
  const word = answer.status >= 400 ? value.code ?? value.error : asked.word?.(value);
  return word ? `${answer.status} ${word}` : String(answer.status);
}

// Three licences: the holder's own; an enterprise's that is nothing to him, of another type; and one
// that another holder entrusted to him. Terminal, partner and business system are competent for the
// type of the first and the third, the authority issued both; their holders have given the partner a
// consent, and the terminal's agency acts on them in a case that the auditor knows. On the foreign
// one another agency acts.
async function world(t) {
  // A trip that a busy machine makes slow is not what is looked at here.
  const site = await Site.start(t, { licences: 200, clients: [], config: { cache: { trip_timeout_ms: 5000 } } });
  const { gateway } = site;
  const w = { site, gateway, basis: 'fictional regulation, article 7' };
  w.tomorrow = new Date(Date.now() + 864e5).toISOString().slice(0, 10);
  const person = async (number) => (await site.jwb('token', 'mint', '--role', 'holder', '--holder-number', '-', { input: number })).trim();
  const show = async (number) => {
    const token = await person(number);
    const licences = await gateway.licences(token);
    const full = async (l) => (await gateway.request('GET', `/v1/licences/${l.id}?view=full`, { token })).json();
    return { token, licences: await Promise.all(licences.filter((l) => l.status === 'valid' && l.acting === 'holder').map(full)) };
  };
  const me = await show(site.holderNumber);
  w.own = me.licences.find((l) => l.type.name === '机动车驾驶证') ?? me.licences[0];
  const candidates = site.records.filter((r) => /^[0-9]{17}[0-9X]$/.test(r.CZZTDM) && r.CZZTDM !== site.holderNumber
    && r.ZZLXDM === w.own.type.code);
  let other;
  for (const r of candidates) {
    other = await show(r.CZZTDM).catch(() => ({ licences: [] }));
    w.entrusted = other.licences.find((l) => l.type.code === w.own.type.code);
    if (w.entrusted) break;
  }
  let stranger;
  for (const r of site.records.filter((one) => one.CZZTDMLXDM === '001')) {
    stranger = await show(r.CZZTDM).catch(() => ({ licences: [] }));
    w.foreign = stranger.licences.find((l) => l.type.code !== w.own.type.code && l.issuer.code !== w.own.issuer.code);
    if (w.foreign) break;
  }
  w.friend = candidates.find((r) => r.CZZTDM !== w.entrusted.holder_number);

  for (const object of OBJECTS) {
    const shown = await site.jwb('licence', 'show', w[object].id);
    w[object].place = shown.match(/place\D*(\d+)\D+(\d+)/).slice(1).map(Number);
  }
  const types = [w.own.type.code];
  await site.client('terminal-7', { role: 'inspector', organisation: 'traffic-police', type: types });
  await site.client('car-rental', { role: 'partner', organisation: 'fictional', purpose: ['car_rental', 'hiring'], type: types });
  await site.client('authority', { role: 'issuer', organisation: w.own.issuer.code });
  await site.client('business-system-1', { role: 'system', organisation: 'hall', type: types });
  w.tokens = { anybody: undefined, holder: me.token };
  for (const role of roles.slice(2)) w.tokens[role] = await site.token(role);

  const owner = { own: me.token, entrusted: other.token, foreign: stranger.token };
  const made = async (target, token, value) => {
    const answer = await gateway.json('POST', target, token, value);
    assert.equal(answer.status, 201, `${target}: ${answer.body}`);
    return answer.json().id;
  };
  w.consent = (object, purpose = 'hiring') => made('/v1/consents', owner[object],
    { licence: w[object].id, partner: object === 'foreign' ? 'bank' : 'car-rental', purpose: object === 'foreign' ? 'hiring' : purpose, until: w.tomorrow });
  await site.client('bank', { role: 'partner', organisation: 'fictional-bank', purpose: 'hiring' });
  for (const object of ['own', 'entrusted']) await w.consent(object, 'car_rental');
  // own: given by the holder; foreign: by somebody else to somebody else; entrusted: to the holder
  const given = (object) => made('/v1/mandates', object === 'own' ? me.token : other.token,
    object === 'own' ? { licence: w.own.id, person_name: w.friend.CZZT, person_number: w.friend.CZZTDM }
      : object === 'foreign' ? { licence: w.entrusted.id, person_name: w.friend.CZZT, person_number: w.friend.CZZTDM }
        : { licence: w.entrusted.id, person_name: site.records[0].CZZT, person_number: site.holderNumber });
  w.mandate = given;
  await given('entrusted');
  w.code = (object) => gateway.display(owner[object], w[object].id);
  w.scan = (object) => ({ id: crypto.randomBytes(16).toString('hex'), at: new Date().toISOString(), result: 'valid',
    reason: null, status_as_of: new Date().toISOString(), bundle_version: 1, code: w.scanned[object] });
  w.scanned = {};
  for (const object of OBJECTS) w.scanned[object] = await w.code(object);

  const elsewhere = await site.token('inspector', '--subject', 'market-office/9', '--client', 'terminal-9');
  w.seizure = (object, case_number = crypto.randomUUID(), key = crypto.randomUUID()) => {
    const { headers, ...rest } = body({ licence: w[object].id, action: 'seize', case_number, reason: 'inspection' });
    return { headers: { ...headers, 'idempotency-key': key }, ...rest };
  };
  w.action = async (object, number) => {
    const answer = await gateway.request('POST', '/v1/enforcement/actions',
      { token: object === 'foreign' ? elsewhere : w.tokens.inspector, ...w.seizure(object, number, number && `${number} ${object}`) });
    assert.ok([200, 201].includes(answer.status), answer.body.toString());
    return answer.json().id;
  };
  w.objection = (object) => made('/v1/objections', owner[object], { licence: w[object].id, field: 'valid_until', claimed: '2051-01-01' });
  w.record = (object) => site.records.find((r) => r.ZZBH === w[object].number && r.ZZLXDM === w[object].type.code);

  w.application = { matter: 'matter-1', types, fields: ['holder_name', 'number', 'valid_until'], purpose: 'service', legal_basis: w.basis };
  const id = await made('/v1/access-requests', w.tokens.system, w.application);
  await site.jwb('access', 'approve', id, '--by', 'data-owner');
  // Redis was met a moment ago; single use is vouched for from the next second on.
  await until(async () => gateway.verify(await w.code('own'), w.tokens.partner), (a) => a.status === 200);
  return w;
}
