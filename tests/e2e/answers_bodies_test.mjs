// A body that docs/openapi.yaml does not allow is told so, at every endpoint that takes JSON, and never taken for
// something else; nor is one whose octets are no such JSON.
import assert from 'node:assert/strict';
import test from 'node:test';
import { BASIS, DRIVING, keyOf, MATTER, NOBODY, routes } from './lib/answers.mjs';
import { SigningKey } from './lib/idp.mjs';
import { ask, fits } from './lib/schema.mjs';
import { Site } from './lib/site.mjs';

const JSON_TYPE = { 'content-type': 'application/json' };
const GOOD = {
  verifyCode: [{ code: '1' }],
  displayLicence: [{ licence: NOBODY }],
  askStatus: [{ handles: [[0, 0]] }],
  checkLicence: [{ licence_number: '1', holder_name: '某', purpose: 'car_rental', type: DRIVING }],
  giveConsent: [{ licence: NOBODY, partner: 'car-rental', purpose: 'car_rental',
    until: new Date(Date.now() + 864e6).toISOString().slice(0, 10), fields: ['type'] }],
  giveMandate: [{ licence: NOBODY, person_name: '某', person_number: '1', until: '2099-01-01T00:00:00Z' }],
  lookUp: [{ holder_number: 'H', case_number: '1', reason: 'accident', type: DRIVING },
    { licence_number: 'L', case_number: '1', reason: 'accident' }],
  retrieveLicences: [{ matter: MATTER, holder_number: '1', types: [DRIVING], operator: '4', legal_basis: BASIS }],
  placeAction: [{ licence: NOBODY, action: 'seize', case_number: '1', reason: '某', evidence_hash: 'AB'.repeat(32) },
    { licence: 'L', action: 'restore', case_number: '1', reason: '某' }],
  makeObjection: [{ licence: NOBODY, field: 'valid_until', claimed: '某', attachment: 'ab'.repeat(32) }],
  putLicence: [{ ZZMC: '某', ZZLXDM: 'T1', ZZBH: '1', ZZBFJG: '某', CZZT: '某', CZZTDM: '1', CZZTDMLXDM: '999', ZZYXQJZRQ: '', SJBBH: 1 }],
  setStatus: [{ status: '03' }, { status: 'valid' }],
  decideAction: [{ decision: 'confirm', reason: null }, { decision: 'revert', reason: '某' }],
  decideObjection: [{ state: 'checking' }, { state: 'refused', reason: '某' }],
  deliverScans: [{ scans: [{ id: NOBODY, at: new Date().toISOString(), result: 'valid', reason: null, status_as_of: null,
    bundle_version: 0, code: '1' }] }],
  registerClient: [{ jwks: { keys: [new SigningKey().jwk] } }],
  applyForAccess: [{ matter: MATTER, types: [DRIVING], fields: ['type'], purpose: 'service', legal_basis: BASIS }],
};
const endpoints = routes.filter(({ operation }) => operation.requestBody?.content['application/json']);

// One member at a time is something else, gone, or too much.
function* changed(good) {
  const others = [null, true, 7, -1.5, '', ' ', 'x', '某'.repeat(300), 'a\u0000b', 'a\nb', 'a\u007fb', [], {}, [''], [7],
    [null], [[]], Array(101).fill('x')];
  for (const name of Object.keys(good)) {
    for (const value of others) yield { ...good, [name]: value };
    const { [name]: _, ...less } = good;
    yield less;
    yield { ...less, [name.toUpperCase()]: good[name] };
  }
  yield { ...good, more: 1 };
  yield {};
}
// What is no JSON, or could be read in two ways.
function* broken(good) {
  const text = JSON.stringify(good), [name] = Object.keys(good);
  yield* ['', ' ', '{', text.slice(0, -1), `${text}}`, `${text}${text}`, `[${text}]`, `\ufeff${text}`, 'null', '1', '"x"',
    '[]', Buffer.from(text, 'utf16le'), text.replace(/}$/, `,"${name}":${JSON.stringify(good[name])}}`),
    text.replace(/}$/, `,"\\u00${name.charCodeAt(0).toString(16)}${name.slice(1)}":"1"}`), text.replace(/}$/, ',}'),
    `{"${name}":"\\ud800"}`, Buffer.from(`{"${name}":"\xff\xfe"}`, 'latin1'), '{"a":'.repeat(100)];
}

test('a body that the description does not allow is malformed, of whichever member', async (t) => {
  assert.deepEqual(endpoints.map(({ operation }) => operation.operationId).sort(), Object.keys(GOOD).sort());
  const site = await Site.start(t, { config: { partners: { refusals_per_hour: 100000, tick_ms: 1 },
    cache: { trip_timeout_ms: 5000 } } }); // a busy machine's slow trips are not what is looked at here
  for (const { operation, method, path, roles } of endpoints) {
    const name = operation.operationId, { schema } = operation.requestBody.content['application/json'];
    const token = name === 'registerClient' ? await site.ticket('terminal-9', { role: 'inspector', organisation: 'agency' })
      : await site.token(roles[0] ?? 'inspector');
    const send = (body) => ask(site.gateway, method, path.replace('*', NOBODY),
      { token, headers: { ...JSON_TYPE, ...keyOf(operation) }, body });
    const malformed = async (body) => {
      const answer = await send(body);
      assert.equal(answer.status, 400, `${name} ${body}: ${answer.body}`);
      assert.equal(answer.json().code, 'malformed_body', `${name} ${body}`);
    };
    for (const good of GOOD[name]) {
      assert.ok(fits(schema, good), `${name}: the example is as described`);
      assert.notEqual((await send(JSON.stringify(good))).status, 400, `${name}: the example is taken`);
      for (const body of broken(good)) await malformed(body);
      for (const body of changed(good))
        if (!fits(schema, body)) await malformed(JSON.stringify(body));
        else assert.ok((await send(JSON.stringify(body))).status < 500, `${name} ${JSON.stringify(body)}`);
    }
  }
});
