// The table's rows (answer_rows.mjs) of what changes licences and what became of them: inspectors' actions, objections,
// authorities, a licence's trace.
import crypto from 'node:crypto';
import { after, CASE, exhausted, get, NOBODY, post, recordOf, request } from './answers.mjs';
import { raw } from './raw.mjs';
import { assertAllowed } from './schema.mjs';

const NDJSON = 'application/x-ndjson';
const SEIZE = { action: 'seize', case_number: CASE, reason: '核查需要' };
// One of the world's, whatever the row's method asks of it.
const named = (name) => (w) => w[name];

// ---- inspectors

const acting = (value, key = () => crypto.randomUUID(), token = 'inspector') => (g, w, headers) =>
  post('/v1/enforcement/actions', token, value)(g, w, { 'idempotency-key': key(), ...headers });
const act = (more = {}, token = undefined) => acting((w) =>
  ({ ...SEIZE, licence: w.delivered, case_number: crypto.randomUUID(), ...more }), undefined, token);
const actions = (more) => (w) => `/v1/enforcement/actions/${w.action}${more}`;
const receipt = (accept) => (g, w, headers) => get(actions('/receipt'), 'inspector')(g, w, { ...headers, accept });
// The same key twice: for the same action, or another one.
const twice = (more = {}) => (g, w, headers) => {
  const key = crypto.randomUUID(), first = { ...SEIZE, case_number: crypto.randomUUID() };
  const once = (value) => acting((world) => ({ licence: world.delivered, ...value }), () => key)(g, w, headers);
  return once(first).then(() => once({ ...first, ...more }));
};

export const INSPECTORS = [
  ['placeAction', 201, null, act()],
  ['placeAction', 201, null, act({ action: 'request_cancel', evidence_hash: 'AB'.repeat(32) })],
  ['placeAction', 201, null, act(), 'keyless'],
  ['placeAction', 200, null, twice()],
  ['placeAction', 400, 'idempotency_key_missing', post('/v1/enforcement/actions', 'inspector', SEIZE)],
  ['placeAction', 400, 'malformed_body', acting({ ...SEIZE, code: '123' })],
  ['placeAction', 403, 'type_not_allowed', act({}, 'narrowTerminal')],
  ['placeAction', 404, 'no_such_licence', act({ licence: NOBODY })],
  ['placeAction', 404, 'hold_not_found', act({ action: 'restore' })],
  ['placeAction', 409, 'licence_ambiguous', act({ licence: 'TWICE' })],
  ['placeAction', 409, 'hold_exists', act({ case_number: CASE })],
  ['placeAction', 422, 'idempotency_key_reused', twice({ action: 'withdraw' })],
  ['placeAction', 503, 'registry_unavailable', act(), 'diskless'],
  ['placeAction', 503, 'registry_unavailable', act(), 'behind'],
  ['getAction', 200, null, get(actions(''), 'inspector')],
  ['getAction', 200, null, after(act({ action: 'request_cancel' }), (id) => get(`/v1/enforcement/actions/${id}`, 'inspector'))],
  ['getAction', 404, 'action_not_found', get(`/v1/enforcement/actions/${NOBODY}`, 'inspector')],
  ['getAction', 404, 'action_not_found', get('/v1/enforcement/actions/abc', 'inspector')],
  ['getAction', 503, 'evidence_unavailable', get(actions(''), 'inspector'), 'diskless'],
  ['getAction', 503, 'registry_unavailable', get(actions(''), 'inspector'), 'behind'],
  ['getActionReceipt', 200, null, receipt('application/cose')],
  ['getActionReceipt', 200, null, receipt('application/pdf')],
  ['getActionReceipt', 404, 'action_not_found', get(`/v1/enforcement/actions/${NOBODY}/receipt`, 'inspector')],
  ['getActionReceipt', 406, 'not_acceptable', receipt('image/png')],
  ['getActionReceipt', 503, 'signing_unavailable', receipt('*/*'), 'keyless'],
  ['getActionReceipt', 503, 'evidence_unavailable', receipt('*/*'), 'diskless'],
  ['getActionReceipt', 503, 'registry_unavailable', receipt('*/*'), 'behind'],
];

// ---- what terminals deliver

const NOW = () => new Date().toISOString();
const scans = (more = {}, id = () => crypto.randomBytes(16).toString('hex')) => post('/v1/inspections/scans', 'inspector', (w) =>
  ({ scans: [{ id: id(), at: NOW(), result: 'valid', reason: null, status_as_of: NOW(), bundle_version: 1, code: w.code ?? '1', ...more }] }));

export const SCANS = [
  ['deliverScans', 200, null, scans()],
  ['deliverScans', 200, null, scans({ result: 'indeterminate', reason: 'status_stale', status_as_of: null, code: '7' })],
  ['deliverScans', 200, null, scans({}, () => NOBODY)],
  ['deliverScans', 422, 'scan_time_refused', scans({ at: '2001-01-01T00:00:00Z' })],
  ['deliverScans', 422, 'scan_time_refused', scans({ at: '2999-01-01T00:00:00Z' })],
  ['deliverScans', 503, 'registry_unavailable', scans(), 'diskless'],
  ['deliverScans', 503, 'registry_unavailable', scans(), 'behind'],
];

// ---- objections

const CLAIM = { field: 'valid_until', claimed: '2051-01-01' };
const object = (token, licence, more = {}) => post('/v1/objections', token, (w) => ({ ...CLAIM, licence: licence(w), ...more }));
const objectTo = (token) => post('/v1/objections', token, (w) => ({ ...CLAIM, code: w.code }));
const decided = (state, reason) => (id) => post(`/v1/issuer/objections/${id}`, 'issuer', { state, reason });
const objected = object('holder', named('delivered'));
const refused = decided('refused', '与档案一致');

export const OBJECTIONS = [
  ['makeObjection', 201, null, object('holder', named('valid'), { attachment: 'ab'.repeat(32) })],
  ['makeObjection', 201, null, objectTo('inspector')],
  ['makeObjection', 400, 'malformed_body', object('inspector', named('valid'))],
  ['makeObjection', 403, 'type_not_allowed', objectTo('narrowTerminal')],
  ['makeObjection', 404, 'licence_not_found', object('holder', named('friends'))],
  ['makeObjection', 429, 'too_many_objections', exhausted(object('friend', named('friends')))],
  ['makeObjection', 503, 'registry_unavailable', objected, 'diskless'],
  ['makeObjection', 503, 'registry_unavailable', objected, 'behind'],
  ['decideObjection', 200, null, after(objected, decided('checking'))],
  ['decideObjection', 200, null, after(objected, refused)],
  ['decideObjection', 400, 'malformed_body', decided('refused')(NOBODY)],
  ['decideObjection', 404, 'objection_not_found', decided('checking')(NOBODY)],
  ['decideObjection', 409, 'objection_closed', after(after(objected, refused), decided('checking'))],
  ['decideObjection', 409, 'no_new_version', after(objected, decided('corrected'))],
  ['decideObjection', 503, 'registry_unavailable', decided('checking')(NOBODY), 'behind'],
  ['listIssuerObjections', 200, null, get('/v1/issuer/objections?all=true', 'issuer')],
  ['listIssuerObjections', 400, 'malformed_body', get(`/v1/issuer/objections?after=${NOBODY}`, 'issuer')],
];
for (const [operation, path, token] of [['listObjections', '/v1/objections', 'holder'],
  ['listObjections', '/v1/objections', 'inspector'], ['listIssuerObjections', '/v1/issuer/objections', 'issuer']])
  OBJECTIONS.push([operation, 200, null, get(path, token)],
    [operation, 503, 'evidence_unavailable', get(path, token), 'diskless'],
    [operation, 503, 'registry_unavailable', get(path, token), 'behind']);

// ---- authorities

const put = (id, more = {}, token = 'issuer') => request('PUT', (w) => `/v1/issuer/licences/${id(w)}`, token, (w) => recordOf(w, more));
const ours = () => 'OURS-1';
const fresh = () => crypto.randomUUID();
const deliver = (text, type = NDJSON) => post('/v1/issuer/licences:import', 'issuer', text, type);
const lines = (w) => [JSON.stringify(recordOf(w)), '', '{"', JSON.stringify(recordOf(w, { ZZBH: '' })),
  JSON.stringify(recordOf(w, { ZZBH: 'OURS-2' }))].join('\n');
// Node tells a length, even of nothing.
const bodyless = async (g, w, headers) => {
  const target = '/v1/issuer/licences:import';
  const { answers: [answer] } = await raw(g, [`POST ${target} HTTP/1.1`, 'host: localhost', `authorization: Bearer ${w.issuer}`,
    `accept-language: ${headers['accept-language']}`, 'connection: close', '', ''].join('\r\n'));
  assertAllowed('POST', target, answer);
  return { ...answer, json: () => JSON.parse(answer.body) };
};
const status = (id, word = 'valid') => post((w) => `/v1/issuer/licences/${id(w)}/status`, 'issuer', { status: word });
const decide = (decision, reason) => (id) => post(`/v1/issuer/actions/${id}/decision`, 'issuer', { decision, reason });
const decideFirst = (g, w, headers) => decide('confirm')(w.action)(g, w, headers);

export const AUTHORITIES = [
  ['putLicence', 201, null, put(fresh, { ZZBH: crypto.randomUUID() })],
  ['putLicence', 200, null, put(ours)],
  ['putLicence', 200, null, put(named('delivered'), { SJBBH: 6, ZZLXMC: null })],
  ['putLicence', 403, 'issuer_not_yours', put(fresh, { ZZBFJGDM: '410899' })],
  ['putLicence', 403, 'type_not_allowed', put(ours, {}, 'narrowAuthority')],
  ['putLicence', 404, 'no_such_licence', put(named('valid'))],
  ['putLicence', 409, 'source_version_older', put(ours, { SJBBH: '4' })],
  ['putLicence', 422, 'record_refused', put(ours, { ZZYXQJZRQ: '2039-02-30' })],
  ['putLicence', 422, 'record_refused', put(named('delivered'), { ZZBH: 'OURS-2' })],
  ['putLicence', 503, 'registry_unavailable', put(ours), 'behind'],
  ['putLicence', 503, 'registry_unavailable', put(ours, { SJBBH: '7' }), 'diskless'],
  ['importLicences', 200, null, deliver(lines)],
  ['importLicences', 200, null, deliver('')],
  ['importLicences', 400, 'malformed_body', bodyless],
  ['importLicences', 413, 'body_too_large', deliver('x'.repeat(65537))],
  ['importLicences', 415, 'unsupported_media_type', deliver(lines, 'application/json')],
  ['importLicences', 503, 'overloaded', deliver(lines), 'diskless'],
  ['importLicences', 503, 'registry_unavailable', deliver(lines), 'behind'],
  ['setStatus', 200, null, status(ours, '01')],
  ['setStatus', 200, null, status(named('delivered'))],
  ['setStatus', 403, 'forbidden', post('/v1/issuer/licences/OURS-1/status', 'inspector', { status: 'valid' })],
  ['setStatus', 404, 'no_such_licence', status(named('valid'))],
  ['setStatus', 404, 'no_such_licence', status(fresh)],
  ['setStatus', 422, 'record_refused', status(() => '%E5%8F%B7')],
  ['setStatus', 503, 'registry_unavailable', status(ours), 'behind'],
  ['listIssuerActions', 200, null, get('/v1/issuer/actions', 'issuer')],
  ['listIssuerActions', 200, null, get('/v1/issuer/actions?all=true', 'issuer')],
  ['listIssuerActions', 400, 'malformed_body', get('/v1/issuer/actions?all=perhaps', 'issuer')],
  ['listIssuerActions', 400, 'malformed_body', get(`/v1/issuer/actions?all=true&after=${NOBODY}`, 'issuer')],
  ['decideAction', 200, null, after(act(), decide('confirm'))],
  ['decideAction', 200, null, after(act(), decide('revert', '查无此案'))],
  ['decideAction', 400, 'malformed_body', decide('revert')(NOBODY)],
  ['decideAction', 404, 'action_not_found', decide('confirm')(NOBODY)],
  ['decideAction', 409, 'action_closed', after(act(), decide('refuse', '查无此案'))],
  ['decideAction', 503, 'registry_unavailable', decideFirst, 'diskless'],
  ['decideAction', 503, 'registry_unavailable', decideFirst, 'behind'],
  ['reconcile', 200, null, get('/v1/issuer/reconciliation', 'issuer')],
  ['getQuality', 200, null, get('/v1/issuer/quality', 'issuer')],
  ['getQuality', 200, null, get('/v1/issuer/quality?days=366', 'narrowAuthority')],
  ['getQuality', 400, 'malformed_body', get('/v1/issuer/quality?days=0', 'issuer')],
];
for (const [operation, page] of [['listIssuerActions', 'actions'], ['reconcile', 'reconciliation'], ['getQuality', 'quality']])
  for (const [code, where] of [['evidence_unavailable', 'diskless'], ['registry_unavailable', 'behind']])
    AUTHORITIES.push([operation, 503, code, get(`/v1/issuer/${page}`, 'issuer'), where]);

// ---- a licence's trace

const trace = (token, name, query = '') => get((w) => `/v1/licences/${w[name]}/trace${query}`, token);
const byCase = `?case=${encodeURIComponent(CASE)}`;

export const TRACES = [
  ['getTrace', 200, null, trace('holder', 'valid')],
  ['getTrace', 200, null, trace('holder', 'delivered', '?before=2099-01-01T00:00:00%2B08:00')],
  ['getTrace', 200, null, trace('issuer', 'delivered')],
  ['getTrace', 200, null, trace('auditor', 'delivered', byCase)],
  ['getTrace', 400, 'malformed_body', trace('holder', 'valid', '?before=yesterday')],
  ['getTrace', 400, 'malformed_body', trace('auditor', 'delivered')],
  ['getTrace', 404, 'licence_not_found', trace('holder', 'friends')],
  ['getTrace', 404, 'no_such_licence', trace('issuer', 'valid')],
  ['getTrace', 404, 'no_such_licence', trace('auditor', 'delivered', '?case=another')],
  ['getTrace', 429, 'quota_exceeded', exhausted(trace('smallAuditor', 'delivered', byCase))],
  ['getTrace', 503, 'evidence_unavailable', trace('holder', 'valid'), 'diskless'],
  ['getTrace', 503, 'quota_unavailable', trace('smallAuditor', 'delivered', byCase), 'redisless'],
  ['getTrace', 503, 'registry_unavailable', trace('issuer', 'delivered'), 'behind'],
];
