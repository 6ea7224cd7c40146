// What the table of answers (answer_rows.mjs) is written with: ways of asking, and the worlds asked in.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { SigningKey } from './idp.mjs';
import { OauthSite } from './oauth.mjs';
import { ask, operations, source } from './schema.mjs';
import { Site } from './site.mjs';

export const MATTER = '11410800MB0001', BASIS = '行政许可法第二十九条', DRIVING = '11100000000000001M001';
export const NOBODY = '0'.repeat(32);

// ---- what the sources say there is

const shape = (path) => path.replace(/\{\w+\}/g, '*');
export const routes = [...source('gateway/routes.def').matchAll(
  /^ROUTE\(\w+,\s+"(\w+)",\s+"([^"]+)",\s+(\w+),\s+([^,]+),\s+\w+,\s+(\d+),/gm)]
  .map(([, method, path, listener, roles, body_max]) => ({ method, path, listener, body_max: Number(body_max),
    roles: [...roles.matchAll(/ONLY\((\w+)\)/g)].map(([, role]) => role.toLowerCase()),
    operation: operations.find((o) => o.method === method && shape(o.path) === path) }));
export const problems = Object.fromEntries(
  [...source('gateway/problem.def').matchAll(/^PROBLEM\(\w+, "(\w+)", (\d+), (\w+), "([^"]+)", "([^"]+)"\)$/gm)]
    .map(([, code, status, fault, english, chinese]) => [code, { status: Number(status), fault, english, chinese }]));
export const refusals = [...source('gateway/http/request.c').matchAll(/REFUSAL\((\d+), "[^"]+", "(\w+)"\)/g)]
  .map(([, status, code]) => ({ status: Number(status), code }));

// ---- ways of asking: each a function of the gateway, the world and headers; tokens are named as in the world

const of = (w, value) => (typeof value === 'function' ? value(w) : value);
// A body that is no text is JSON; one without a type is of this type.
export const request = (method, path, token, value, type = 'application/json') => (g, w, headers) => {
  const body = of(w, value);
  return ask(g, method, of(w, path), { token: w[token],
    body: typeof body === 'object' ? JSON.stringify(body) : body,
    headers: { ...(body !== undefined && { 'content-type': type }), ...headers } });
};
export const get = (path, token) => request('GET', path, token);
export const inside = (path) => (g, w, headers) => ask(g, 'GET', path, { internal: true, headers });
export const post = (path, token, value, type) => request('POST', path, token, value, type);
export const verify = (token, code, type = 'text/plain') => post('/v1/verify', token, code, type);
export const picture = (type) => (g, w, headers) =>
  post('/v1/codes', 'holder', { licence: w.valid })(g, w, { ...headers, accept: type });
// As the description's own operation is asked, with no more than this.
export const bare = (operation, token, body, type) => (g, w, headers) =>
  request(operation.method, operation.path.replace(/\{\w+\}/g, NOBODY), token, body, type)(g, w, { ...keyOf(operation), ...headers });
export const keyOf = (operation) => operation.parameters?.some((p) => p.name === 'Idempotency-Key' && p.required)
  ? { 'idempotency-key': crypto.randomUUID() } : {};
export const form = (parameters) => (g, w, headers) => post('/oauth2/token', undefined,
  new URLSearchParams(of(w, parameters)).toString(), 'application/x-www-form-urlencoded')(g, w, headers);
// Again and again, until what there is of it is used up.
export const exhausted = (request, most = 40) => async (...args) => {
  let answer = await request(...args);
  for (let i = 1; i < most && answer.status !== 429; i++) answer = await request(...args);
  return answer;
};
// What the first answered with an id that the second is about.
export const after = (first, second) => async (g, w, headers) => {
  const { id } = (await first(g, w, headers)).json();
  assert.ok(id, 'the first was refused');
  return second(id)(g, w, headers);
};
export const ended = (give, path) => after(give, (id) => request('DELETE', path + id, 'holder'));

// The worker draws one, one may wait, the others are told: if so many are there at once as it takes. They are put
// on open connections while the gateway stands still, so that it finds them together.
export async function overloaded(g, w, headers) {
  const sixteen = (one) => Promise.all(Array.from({ length: 16 }, one));
  await sixteen(() => ask(g, 'GET', '/v'));
  g.child.stoppedByTest = true;
  for (let round = 0; round < 20; round++) {
    g.child.kill('SIGSTOP');
    const answers = sixteen(() => picture('image/png')(g, w, headers));
    await new Promise((resolve) => { setImmediate(() => setImmediate(resolve)); });
    g.child.kill('SIGCONT');
    const refused = (await answers).filter(({ status }) => status !== 201);
    assert.ok(refused.length < 16, 'some are served');
    if (refused.length) return refused[0];
  }
  throw new Error('the worker drew all of 16 pictures at once, 20 times');
}

// ---- the worlds

const CLIENTS = {
  narrow: { role: 'partner', organisation: 'narrow', purpose: 'car_rental', type: 'NONE' },
  small: { role: 'partner', organisation: 'small', purpose: 'car_rental', quota: 1 },
  guesser: { role: 'partner', organisation: 'guesser', purpose: 'car_rental' },
  narrowSystem: { role: 'system', organisation: 'narrow', type: 'NONE' },
  smallSystem: { role: 'system', organisation: 'small', quota: 1 },
  gone: { role: 'partner', organisation: 'gone', purpose: 'car_rental' },
  narrowTerminal: { role: 'inspector', organisation: 'traffic-police', type: 'NONE' },
  narrowAuthority: { role: 'issuer', organisation: '11410800000000000X', type: 'NONE' },
  smallAuditor: { role: 'auditor', organisation: 'small', quota: 1 },
};
const CONFIG = { loops: { count: 1, workers: 1, worker_queue_max: 1 }, code: { life_s: 300 },
  partners: { refusals_per_hour: 6, tick_ms: 1 }, evidence: { told_per_hour: 30 }, imports: { bytes_max: 65536 } };

// options: start (how another gateway is started, one that gives no tokens), clients (the names of some above)
export async function world(t, { start, clients = [] } = {}) {
  const oauth = start ? undefined : await OauthSite.start(t, { config: CONFIG });
  const site = oauth?.site ?? await Site.start(t, { config: CONFIG, gateway: false });
  const w = { oauth, site };
  w.ticket = await site.ticket('terminal-9', { role: 'inspector', organisation: 'traffic-police' });
  w.jwks = { keys: [new SigningKey().jwk] };
  for (const role of ['holder', 'inspector', 'partner', 'system', 'issuer', 'auditor']) w[role] = await site.token(role);
  for (const id of clients) {
    const { role } = CLIENTS[id];
    await site.client(id, CLIENTS[id]);
    w[id] = await site.token(role, '--client', id, ...role === 'inspector' ? ['--subject', 'traffic-police/0418'] : []);
  }
  w.gateway = oauth?.gateway ?? await start(site);
  w.foreign = w.holder.replace(/.$/, (c) => c === 'A' ? 'Q' : 'A');
  [w.valid, w.seized] = (await w.gateway.licences(w.holder)).map((l) => l.id);
  w.record = site.records[0];
  return w;
}

// Somebody else who has a licence: name and number, for a mandate; token, licence, as an asker.
export async function addFriend(w) {
  const { CZZT, CZZTDM } = w.site.records.find((r) => /^\d{17}[\dX]$/.test(r.CZZTDM) && r.CZZTDM !== w.site.holderNumber);
  w.friendRecord = { person_name: CZZT, person_number: CZZTDM };
  w.friend = (await w.site.jwb('token', 'mint', '--role', 'holder', '--holder-number', '-', { input: CZZTDM })).trim();
  w.friends = (await w.gateway.licences(w.friend))[0].id;
}

// Licences of the authority that w.issuer is: the holder's, two of one number, and an action on the first.
export const CASE = '焦公交〔2026〕17号';
export const recordOf = (w, more = {}) =>
  ({ ...w.record, ZZBH: 'OURS-1', ZZBS: '', SJBBH: '5', ZZBFJGDM: undefined, ...more });
export async function addDelivered(w) {
  const put = (id, record) => w.gateway.json('PUT', `/v1/issuer/licences/${id}`, w.issuer, record);
  const made = (answer) => { assert.equal(answer.status, 201, answer.body.toString()); return answer.json().id; };
  w.delivered = made(await put('OURS-1', recordOf(w)));
  for (const type of ['T1', 'T2']) made(await put(`TWICE-${type}`, recordOf(w, { ZZBH: 'TWICE', ZZLXDM: type })));
  w.action = made(await w.gateway.json('POST', '/v1/enforcement/actions', w.inspector, { licence: w.delivered,
    action: 'seize', case_number: CASE, reason: '核查需要' }, { 'idempotency-key': 'the-first-action' }));
}

export async function mint(w, ...args) {
  return (await w.site.jwb('token', 'mint', '--role', 'holder', '--subject', 'a'.repeat(32), ...args)).trim();
}

// ---- asking them all

function assertHeaders(answer, notNow) {
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.equal('retry-after' in answer.headers, notNow, 'retry-after');
  if (notNow) assert.match(answer.headers['retry-after'], /^[1-9][0-9]*$/);
  assert.equal(answer.headers['www-authenticate'], answer.status === 401 ? 'Bearer' : undefined);
}

async function runRow([, status, code, ask], w) {
  for (const language of ['zh-CN,zh;q=0.9,en;q=0.8', 'en-GB, zh;q=0.5', 'fr']) {
    const answer = await ask(w.gateway, w, { 'accept-language': language });
    assert.equal(answer.status, status, answer.body.toString());
    if (!code) return;
    const told = answer.json();
    if (!(code in problems)) {
      assert.equal(told.error, code);
      assertHeaders(answer, status === 503);
      return;
    }
    assert.equal(told.code, code);
    assert.equal(told.status, problems[code].status);
    if (!told.request) return; // refused before it was understood
    assert.equal(told.title, problems[code][language.startsWith('en') ? 'english' : 'chinese']);
    assertHeaders(answer, problems[code].fault === 'NOT_NOW');
  }
}

export async function runRows(t, rows, name, w) {
  for (const row of rows.filter(([, , , , where = 'well']) => where === name))
    await t.test(`${row[0] ?? 'elsewhere'} ${row[1]} ${row[2] ?? ''}`, () => runRow(row, w));
}
