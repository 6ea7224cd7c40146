// No answer has a field that the policy does not name, or one unmasked that it masks: a policy of
// random rules, and every type, role, purpose and endpoint that shows fields, walked through.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import test from 'node:test';
import { Site, until } from './lib/site.mjs';

const MASKS = { type: [], name: [], holder_name: ['name'], holder_number: ['tail'], number: ['tail'], identifier: ['tail'],
  issuer: [], issued_on: ['year'], valid_from: ['year'], valid_until: ['year'] };
const FIELDS = Object.keys(MASKS);
const ASKERS = [['anybody', ''], ['issuer', ''], ['holder', 'overview'], ['holder', 'view'], ['inspector', 'inspection'],
  ['inspector', 'lookup'], ['partner', 'hotel'], ['partner', 'gym'], ['system', 'service']];
const META = ['id', 'status', 'status_since', 'acting'];

let seed = 20261123;
const random = (n) => { seed = (seed * 1103515245 + 12345) % 2147483648; return Math.floor((seed / 2147483648) * n); };

const masked = {
  plain: (value) => value,
  name: (value, of) => (of.person ? [...value].map((c, i) => (i ? '*' : c)).join('') : value),
  tail: (value) => {
    const octets = Buffer.from(value), end = octets.subarray(octets.length - Math.min(4, octets.length >> 1)).toString();
    return value && `****${/^[\x21-\x7e]*$/.test(end) ? end : ''}`;
  },
  year: (value) => value && value.slice(0, 4),
};

test('every answer shows exactly what the rule for its type, role and purpose names', { timeout: 240000 }, async (t) => {
  const site = await Site.start(t, { licences: 400, clients: [], gateway: false,
    config: { policy: { file: 'policy.yaml' }, cache: { trip_timeout_ms: 5000 } } }); // on a busy machine, too
  const types = [...new Set(site.records.map((r) => r.ZZLXDM))].filter((code) => code.length === 21).sort();
  const rules = types.flatMap((type) => ASKERS.map(([role, purpose]) => {
    const fields = FIELDS.filter(() => random(2)).map((field) => [field, ['plain', ...MASKS[field]][random(1 + MASKS[field].length)]]);
    return { type, role, purpose, fields: Object.fromEntries(fields.length ? fields : [['type', 'plain']]) };
  }));
  site.write('policy.yaml', fs.readFileSync(new URL('../../etc/policy.yaml', import.meta.url)));
  const gateway = await site.startGateway('gateway');
  await site.client('partner-1', { role: 'partner', organisation: 'fictional', purpose: ['hotel', 'gym'] });
  const tokens = {};
  for (const role of ['inspector', 'issuer', 'system']) tokens[role] = await site.token(role);
  tokens.partner = await site.token('partner', '--client', 'partner-1');
  const w = { site, gateway, tokens };
  // What there is to be seen is found out under the policy as installed; the walk's comes by SIGHUP.
  const all = [];
  for (const type of types) all.push(await displayable(w, type));
  site.write('policy.yaml', JSON.stringify({ // YAML has JSON in it
    plain_up_to: Object.fromEntries(['anybody', 'holder', 'inspector', 'partner', 'issuer', 'system'].map((r) => [r, 'highly_sensitive'])),
    purposes: Object.fromEntries(['hotel', 'gym', 'service'].map((name) => [name, { title: name, title_en: name, keep_days: 7 }])),
    rules: rules.map((r) => ({ role: r.role, ...(r.purpose && { purpose: r.purpose }), types: [r.type], fields: r.fields })),
  }));
  gateway.child.kill('SIGHUP');
  await gateway.waitForLog((line) => line.event === 'reloaded');

  const walked = new Set();
  for (const found of all.filter(Boolean)) {
    const type = found.truth.type.code;
    for (const [role, purpose, answer] of await answersOf(w, found, rules)) {
      const { fields } = rules.find((r) => r.type === type && r.role === role && r.purpose === purpose);
      const shown = Object.fromEntries(Object.entries(answer).filter(([name]) => !META.includes(name)));
      const expected = Object.fromEntries(FIELDS.filter((f) => f in fields).map((f) => [f, masked[fields[f]](found.truth[f], found)]));
      assert.deepEqual(shown, expected, `${type} ${role} ${purpose}`);
      walked.add(`${type} ${role} ${purpose}`);
    }
  }
  const kinds = new Set([...walked].map((key) => key.split(' ')[0]));
  assert.ok(kinds.size >= types.length - 1, `only ${kinds.size} of ${types.length} types were walked`);
  assert.equal(walked.size, kinds.size * ASKERS.length, 'an asker was left out');
});

// A licence of the type that is valid, with its holder's token and what the registry has of it.
async function displayable(w, type) {
  for (const record of w.site.records.filter((r) => r.ZZLXDM === type && r.CZZTDM.length === 18)) {
    const minted = await w.site.tryJwb('token', 'mint', '--role', 'holder', '--holder-number', '-', { input: record.CZZTDM });
    if (minted.code !== 0) continue;
    const token = minted.stdout.trim();
    for (const { id, acting } of await w.gateway.licences(token)) {
      if (acting !== 'holder') continue;
      const answer = await w.gateway.json('POST', '/v1/codes', token, { licence: id });
      if (answer.status !== 201) continue;
      const truth = (await w.gateway.request('GET', `/v1/licences/${id}?view=full`, { token })).json();
      if (truth.type.code === type) return { id, token, truth, person: record.CZZTDMLXDM === '111' };
    }
  }
  return null;
}

// The system's matter for this type names all that the policy lets it see.
async function retrieved({ site, gateway, tokens }, truth, rule) {
  const matter = `matter-${truth.type.code.slice(-4)}`, basis = 'fictional regulation, article 7';
  const applied = await gateway.json('POST', '/v1/access-requests', tokens.system, { matter, types: [truth.type.code],
    fields: Object.keys(rule.fields), purpose: 'service', legal_basis: basis });
  assert.equal(applied.status, 201, applied.body.toString());
  await site.jwb('access', 'approve', applied.json().id, '--by', 'data-owner');
  const answer = await gateway.json('POST', '/v1/licences:retrieve', tokens.system,
    { matter, holder_number: truth.holder_number, types: [truth.type.code], operator: 'clerk-4', legal_basis: basis });
  assert.equal(answer.status, 200, answer.body.toString());
  return answer.json().licences;
}

async function answersOf(w, { id, token, truth }, rules) {
  const { gateway, tokens } = w;
  const ask = async (...args) => {
    const answer = await gateway.json(...args);
    assert.ok(answer.status < 300, `${args[1]}: ${answer.status} ${answer.body}`);
    return answer.json();
  };
  const code = () => gateway.display(token, id);
  const scan = async (who, purpose) => (await ask('POST', '/v1/verify', who, { code: await code(), ...(purpose && { purpose }) })).licence;
  const answers = [
    ['anybody', '', await scan(undefined)], ['anybody', '', await scan(token)], ['issuer', '', await scan(tokens.issuer)],
    ['inspector', 'inspection', await scan(tokens.inspector)],
    ['inspector', 'inspection', await scan(tokens.inspector)], // the face comes from Redis now
    ['anybody', '', await scan(undefined)],
    ['holder', 'overview', (await gateway.licences(token)).find((l) => l.id === id)],
    ['holder', 'overview', (await gateway.request('GET', `/v1/licences/${id}`, { token })).json()],
    ['holder', 'view', (await gateway.request('GET', `/v1/licences/${id}?view=full`, { token })).json()],
  ];
  for (const purpose of ['hotel', 'gym']) {
    const answer = await until(async () => gateway.json('POST', '/v1/verify', tokens.partner, { code: await code(), purpose }),
      (a) => a.status === 200); // Redis was met a moment ago
    answers.push(['partner', purpose, answer.json().licence]);
    const tomorrow = new Date(Date.now() + 864e5).toISOString().slice(0, 10);
    await ask('POST', '/v1/consents', token, { licence: id, partner: 'partner-1', purpose, until: tomorrow });
    const checked = await ask('POST', '/v1/partner/checks', tokens.partner,
      { licence_number: truth.number, holder_name: truth.holder_name, purpose, type: truth.type.code });
    answers.push(['partner', purpose, checked.licence]);
  }
  const looked = await ask('POST', '/v1/inspections/lookups', tokens.inspector,
    { licence_number: truth.number, type: truth.type.code, case_number: '2026-1', reason: 'accident' });
  assert.equal(looked.licences.length, 1);
  answers.push(['inspector', 'lookup', looked.licences[0].licence]);
  const rule = rules.find((r) => r.type === truth.type.code && r.role === 'system');
  const [{ licence }] = await retrieved(w, truth, rule);
  answers.push(['system', 'service', licence]);
  const action = await ask('POST', '/v1/enforcement/actions', tokens.inspector, { licence: id, action: 'seize', case_number: '2026-1', reason: 'x' },
    { 'idempotency-key': crypto.randomUUID() });
  answers.push(['inspector', 'inspection', action.licence]);
  const authority = await w.site.token('issuer', '--client', truth.issuer.code);
  const { actions } = (await gateway.request('GET', '/v1/issuer/actions', { token: authority })).json();
  answers.push(['issuer', '', actions.find((a) => a.id === action.id).licence]);
  return answers;
}
