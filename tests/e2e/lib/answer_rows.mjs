// The table: operation, status, the problem's code or OAuth's error, how to get it, in what world (well).
import { AUTHORITIES, INSPECTORS, OBJECTIONS, SCANS, TRACES } from './authority_rows.mjs';
import { bare, BASIS, DRIVING, ended, exhausted, form, get, inside, MATTER, NOBODY, overloaded, picture, post, request,
  routes, verify } from './answers.mjs';
import { ASSERTION_TYPE, EXCHANGE, JWT_TYPE } from './oauth.mjs';

const day = (days) => new Date(Date.now() + 8 * 36e5 + days * 864e5).toISOString().slice(0, 10);

const codes = (token, value) => post('/v1/codes', token, value);
const display = codes('holder', (w) => ({ licence: w.valid }));
const own = (w) => `/v1/licences/${w.valid}`;
const status = (token, value) => post('/v1/status', token, value);
const check = (token, more = {}) => post('/v1/partner/checks', token, (w) =>
  ({ licence_number: w.record.ZZBH, holder_name: w.record.CZZT, ...more }));
const consent = (more = {}) => post('/v1/consents', 'holder', (w) =>
  ({ licence: w.valid, partner: 'car-rental', purpose: 'car_rental', until: day(30), ...more }));
const mandate = (more = {}) => post('/v1/mandates', 'holder', (w) => ({ licence: w.valid, ...w.friendRecord, ...more }));
const guess = post('/v1/mandates', 'friend', (w) => ({ licence: w.friends, person_name: '某某',
  person_number: w.site.holderNumber }));
const lookup = (more = {}) => post('/v1/inspections/lookups', 'inspector', (w) =>
  ({ holder_number: w.site.holderNumber, case_number: '1', reason: 'accident', ...more }));
const retrieve = (token, more = {}) => post('/v1/licences:retrieve', token, (w) =>
  ({ matter: MATTER, holder_number: w.site.holderNumber, operator: '4', legal_basis: BASIS, ...more }));
const apply = (token, more = {}) => post('/v1/access-requests', token,
  { matter: 'other', types: [DRIVING], fields: ['type'], purpose: 'service', legal_basis: BASIS, ...more });
const assertion = (w, client) => ({ client_assertion_type: ASSERTION_TYPE, client_assertion: w.oauth.assertion(client) });
const client = (id, more = {}) => form((w) => ({ grant_type: 'client_credentials', ...assertion(w, id), ...more }));
const exchange = (person, more = () => ({})) => form((w) =>
  ({ grant_type: EXCHANGE, subject_token_type: JWT_TYPE, subject_token: person(w), ...more(w) }));
const citizen = (w) => w.oauth.provider.citizen(w.site.holderNumber);
const inspector = (w) => w.oauth.provider.inspector('traffic-police', '0417');

const OWN = [
  ['displayLicence', 201, null, display],
  ['displayLicence', 201, null, picture('image/svg+xml')],
  ['displayLicence', 201, null, picture('image/png')],
  ['displayLicence', 401, 'token_expired', codes('expired', '{}')],
  ['displayLicence', 404, 'licence_not_found', codes('holder', { licence: NOBODY })],
  ['displayLicence', 406, 'not_acceptable', picture('text/html')],
  ['displayLicence', 409, 'licence_not_valid', codes('holder', (w) => ({ licence: w.seized }))],
  ['displayLicence', 503, 'overloaded', overloaded],
  ['displayLicence', 503, 'signing_unavailable', display, 'keyless'],
  ['displayLicence', 503, 'evidence_unavailable', display, 'diskless'],
  ['displayLicence', 503, 'registry_unavailable', display, 'behind'],
  ['listLicences', 200, null, get('/v1/licences', 'holder')],
  ['listLicences', 503, 'registry_unavailable', get('/v1/licences', 'holder'), 'behind'],
  ['getLicence', 200, null, get(own, 'holder')],
  ['getLicence', 200, null, get((w) => `${own(w)}?view=full`, 'holder')],
  ['getLicence', 404, 'licence_not_found', get('/v1/licences/abc', 'holder')],
  ['getLicence', 503, 'registry_unavailable', get(own, 'holder'), 'behind'],
  ['listMyChecks', 200, null, get('/v1/me/checks', 'holder')],
  ['listMyChecks', 200, null, get('/v1/me/checks?since=2026-01-01T00:00:00%2B08:00', 'holder')],
  ['listMyChecks', 200, null, get('/v1/me/checks?before=2026-11-01T00:00:00Z&since=2026-01-01T00:00:00Z', 'holder')],
  ['listMyChecks', 400, 'malformed_body', get('/v1/me/checks?since=yesterday', 'holder')],
  ['listMyChecks', 400, 'malformed_body', get('/v1/me/checks?until=2026-01-01T00:00:00Z', 'holder')],
  ['listMyChecks', 429, 'quota_exceeded', exhausted(get('/v1/me/checks', 'holder'))],
  ['listMyChecks', 503, 'evidence_unavailable', get('/v1/me/checks', 'holder'), 'diskless'],
  ['listMyChecks', 503, 'registry_unavailable', get('/v1/me/checks', 'holder'), 'behind'],
];

const GIVEN = [
  ['giveConsent', 201, null, consent()],
  ['giveConsent', 201, null, consent({ fields: ['type'] })],
  ['giveConsent', 400, 'malformed_body', consent({ until: day(-1) })],
  ['giveConsent', 403, 'purpose_not_allowed', consent({ purpose: 'bank_account' })],
  ['giveConsent', 404, 'licence_not_found', consent({ licence: NOBODY })],
  ['giveConsent', 503, 'registry_unavailable', consent(), 'diskless'],
  ['giveConsent', 503, 'registry_unavailable', consent(), 'behind'],
  ['listConsents', 200, null, get('/v1/consents', 'holder')],
  ['listConsents', 503, 'registry_unavailable', get('/v1/consents', 'holder'), 'behind'],
  ['withdrawConsent', 204, null, ended(consent({ purpose: 'hiring' }), '/v1/consents/')],
  ['giveMandate', 201, null, mandate()],
  ['giveMandate', 201, null, mandate({ until: '2099-01-01T00:00:00Z' })],
  ['giveMandate', 400, 'malformed_body', mandate({ until: '2000-01-01T00:00:00Z' })],
  ['giveMandate', 404, 'licence_not_found', mandate({ licence: NOBODY })],
  ['giveMandate', 404, 'person_not_found', mandate({ person_name: '某某' })],
  ['giveMandate', 429, 'too_many_refusals', exhausted(guess)],
  ['giveMandate', 503, 'quota_unavailable', mandate(), 'redisless'],
  ['giveMandate', 503, 'registry_unavailable', mandate(), 'behind'],
  ['listMandates', 200, null, get('/v1/mandates', 'holder')],
  ['listMandates', 503, 'registry_unavailable', get('/v1/mandates', 'holder'), 'behind'],
  ['endMandate', 204, null, ended(mandate(), '/v1/mandates/')],
];
// What one did not give.
for (const [operation, path, code] of [['withdrawConsent', 'consents', 'consent_not_found'],
  ['endMandate', 'mandates', 'mandate_not_found']]) {
  const end = (id) => request('DELETE', `/v1/${path}/${id}`, 'holder');
  GIVEN.push([operation, 404, code, end(NOBODY)], [operation, 404, code, end('abc')],
    [operation, 503, 'registry_unavailable', end(NOBODY), 'behind']);
}

const CODES = [
  ['verifyCode', 200, null, verify('inspector', (w) => w.code)],
  ['verifyCode', 200, null, verify('issuer', (w) => w.code)],
  ['verifyCode', 200, null, verify('partner', (w) => ({ code: w.code, purpose: 'hiring' }),
    'application/json; charset=utf-8')],
  ['verifyCode', 200, null, verify('none', (w) => w.code, 'Text/Plain;charset=UTF-8')],
  ['verifyCode', 200, null, verify('none', 'no code')],
  ['verifyCode', 400, 'malformed_body', verify('none', '{}', 'application/json')],
  ['verifyCode', 401, 'token_invalid', verify('foreign', (w) => w.code)],
  ['verifyCode', 401, 'token_revoked', verify('gone', (w) => w.code)],
  ['verifyCode', 403, 'forbidden', verify('displayOnly', (w) => w.code)],
  ['verifyCode', 403, 'type_not_allowed', verify('narrow', (w) => w.code)],
  ['verifyCode', 403, 'purpose_not_allowed', verify('partner', { code: '1', purpose: 'bank_account' },
    'application/json')],
  ['verifyCode', 413, 'body_too_large', verify('none', '1'.repeat(4097))],
  ['verifyCode', 415, 'unsupported_media_type', verify('none', (w) => w.code, 'text/plainer')],
  ['verifyCode', 429, 'quota_exceeded', exhausted(verify('small', (w) => w.code))],
  ['verifyCode', 429, 'too_many_requests', exhausted(verify('none', '1')), 'throttled'],
  ['verifyCode', 503, 'evidence_unavailable', verify('inspector', (w) => w.code), 'diskless'],
  ['verifyCode', 503, 'single_use_unavailable', verify('partner', (w) => w.code), 'redisless'],
  ['verifyCode', 503, 'quota_unavailable', verify('small', (w) => w.code), 'redisless'],
  ['verifyCode', 503, 'signing_unavailable', verify('partner', (w) => w.code), 'keyless'],
  ['verifyCode', 503, 'directory_unavailable', verify('inspector', (w) => w.code), 'directoryless'],
  ['askStatus', 200, null, status('inspector', { handles: [[0, 0], [0, 1048575], [65535, 0]] })],
  ['askStatus', 200, null, status('issuer', (w) => ({ identifiers: [w.record.ZZBS, 'another'] }))],
  ['askStatus', 400, 'malformed_body', status('inspector', { handles: [] })],
  ['askStatus', 403, 'forbidden', status('inspector', { identifiers: ['1'] })],
];

const OTHERS = [
  ['checkLicence', 200, null, check('partner')],
  ['checkLicence', 403, 'purpose_not_allowed', check('partner', { purpose: 'bank_account' })],
  ['checkLicence', 403, 'type_not_allowed', check('narrow', { type: DRIVING })],
  ['checkLicence', 404, 'check_refused', check('partner', { holder_name: '某某' })],
  ['checkLicence', 429, 'too_many_refusals', exhausted(check('guesser'))],
  ['checkLicence', 429, 'quota_exceeded', exhausted(check('small'))],
  ['checkLicence', 503, 'evidence_unavailable', check('partner'), 'diskless'],
  ['checkLicence', 503, 'quota_unavailable', check('partner'), 'redisless'],
  ['checkLicence', 503, 'signing_unavailable', check('partner'), 'keyless'],
  ['lookUp', 200, null, lookup()],
  ['lookUp', 200, null, lookup({ type: DRIVING })],
  ['lookUp', 200, null, lookup({ holder_number: undefined, licence_number: 'nothing' })],
  ['lookUp', 200, null, lookup(), 'redisless'],
  ['lookUp', 400, 'malformed_body', lookup({ reason: 'curiosity' })],
  ['lookUp', 400, 'malformed_body', lookup({ holder_number: '7', case_number: '17' })],
  ['lookUp', 503, 'evidence_unavailable', lookup(), 'diskless'],
  ['lookUp', 503, 'registry_unavailable', lookup(), 'behind'],
  ['retrieveLicences', 200, null, retrieve('system')],
  ['retrieveLicences', 200, null, retrieve('system', { types: [DRIVING] })],
  ['retrieveLicences', 400, 'malformed_body', retrieve('system', { operator: '号' })],
  ['retrieveLicences', 403, 'matter_not_approved', retrieve('system', { matter: 'another' })],
  ['retrieveLicences', 429, 'quota_exceeded', exhausted(retrieve('smallSystem'))],
  ['retrieveLicences', 503, 'evidence_unavailable', retrieve('system'), 'diskless'],
  ['retrieveLicences', 503, 'registry_unavailable', retrieve('system'), 'behind'],
  ['applyForAccess', 201, null, apply('system')],
  ['applyForAccess', 400, 'malformed_body', apply('system', { fields: ['face'] })],
  ['applyForAccess', 403, 'type_not_allowed', apply('narrowSystem')],
  ['applyForAccess', 403, 'purpose_not_allowed', apply('system', { purpose: 'nothing' })],
  ['applyForAccess', 403, 'purpose_not_allowed', apply('system', { purpose: 'car_rental', fields: ['type', 'number'] })],
  ['applyForAccess', 429, 'quota_exceeded', exhausted(apply('smallSystem'))],
  ['applyForAccess', 503, 'quota_unavailable', apply('smallSystem'), 'redisless'],
  ['applyForAccess', 503, 'registry_unavailable', apply('system'), 'behind'],
  ['listAccessRequests', 200, null, get('/v1/access-requests', 'system')],
  ['listAccessRequests', 503, 'registry_unavailable', get('/v1/access-requests', 'system'), 'behind'],
];

const register = () => post('/oauth2/register', 'ticket', (w) => ({ jwks: w.jwks }));

const TOKENS = [
  ['giveToken', 200, null, client('car-rental')],
  ['giveToken', 200, null, exchange(citizen)],
  ['giveToken', 200, null, exchange(inspector, (w) => assertion(w, 'terminal-7'))],
  ['giveToken', 400, 'invalid_request', form({})],
  ['giveToken', 400, 'unsupported_grant_type', form({ grant_type: 'password' })],
  ['giveToken', 200, null, client('terminal-7')],
  ['giveToken', 400, 'unauthorized_client', exchange(inspector, (w) => assertion(w, 'car-rental'))],
  ['giveToken', 400, 'invalid_scope', client('car-rental', { scope: 'everything' })],
  ['giveToken', 400, 'invalid_target', exchange(citizen, () => ({ audience: 'https://elsewhere.example' }))],
  ['giveToken', 401, 'invalid_client', client('car-rental', { client_id: 'authority' })],
  ['giveToken', 413, 'body_too_large', form({ grant_type: 'x'.repeat(16384) })],
  ['giveToken', 429, 'too_many_requests', exhausted(form({})), 'throttled'],
  ['giveToken', 503, 'temporarily_unavailable', client('car-rental'), 'diskless'],
  ['giveToken', 503, 'temporarily_unavailable', client('car-rental'), 'redisless'],
  ['giveToken', 503, 'temporarily_unavailable', exchange(citizen), 'behind'],
  ['giveToken', 503, 'temporarily_unavailable', client('car-rental'), 'directoryless'],
  ['registerClient', 201, null, register()],
  ['registerClient', 409, 'key_exists', register()],
  ['registerClient', 503, 'registry_unavailable', register(), 'diskless'],
  ['registerClient', 503, 'registry_unavailable', register(), 'behind'],
  ['oauthMetadata', 200, null, get('/.well-known/oauth-authorization-server')],
  ['oauthMetadata', 200, null, get('/.well-known/oauth-authorization-server'), 'keyless'],
];

const list = (token, accept) => (g, w, headers) => get('/v1/status-lists/0', token)(g, w, { ...headers, ...accept && { accept } });
const again = (path, token) => async (g, w, headers) => {
  const { headers: { etag } } = await get(path, token)(g, w, headers);
  return get(path, token)(g, w, { ...headers, 'if-none-match': etag });
};

const ANYBODY = [
  ['getKeys', 200, null, get('/.well-known/jwks.json')],
  ['getKeys', 200, null, get('/.well-known/jwks.json', 'foreign')],
  ['getCheckpoint', 200, null, get('/evidence/checkpoint')],
  ['getTrustBundle', 200, null, get('/v1/trust-bundle'), 'published'],
  ['getTrustBundle', 304, null, again('/v1/trust-bundle'), 'published'],
  ['getTrustBundle', 503, 'not_published', get('/v1/trust-bundle')],
  ['listStatusLists', 200, null, get('/v1/status-lists', 'inspector')],
  ['listStatusLists', 304, null, again('/v1/status-lists', 'inspector')],
  ['listStatusLists', 401, 'token_missing', get('/v1/status-lists')],
  ['listStatusLists', 403, 'forbidden', get('/v1/status-lists', 'displayOnly')],
  ['listStatusLists', 503, 'directory_unavailable', get('/v1/status-lists', 'inspector'), 'directoryless'],
  ['getStatusList', 200, null, list('inspector')],
  ['getStatusList', 200, null, list('partner', 'application/statuslist+jwt')],
  ['getStatusList', 304, null, again('/v1/status-lists/0', 'inspector')],
  ['getStatusList', 401, 'token_missing', list()],
  ['getStatusList', 403, 'forbidden', list('displayOnly')],
  ['getStatusList', 404, 'not_found', get('/v1/status-lists/7', 'inspector')],
  ['getStatusList', 406, 'not_acceptable', list('inspector', 'text/html')],
  ['getStatusList', 501, 'no_history', get('/v1/status-lists/0?time=1', 'inspector')],
  ['getStatusList', 503, 'directory_unavailable', list('inspector'), 'directoryless'],
  ['getWebFile', 200, null, get('/web/page.mjs')],
  ['getWebFile', 200, null, get('/web/style.css')],
  ['getWebFile', 304, null, again('/web/page.mjs')],
  ['getWebFile', 404, 'not_found', get('/web/nothing')],
  ['landing', 200, null, get('/v')],
  ['landingOfScanner', 303, null, get('/v/123')],
  ['alive', 200, null, inside('/healthz')],
  ['ready', 200, null, inside('/readyz')],
  ['ready', 503, null, inside('/readyz'), 'behind'],
  ['ready', 503, null, inside('/readyz'), 'directoryless'],
  ['metrics', 200, null, inside('/metrics')],
  [null, 404, 'not_found', get('/v1/nothing', 'holder')],
  [null, 405, 'method_not_allowed', get('/v1/verify')],
];

// What all say that need a token, and all that take JSON.
function usual({ operation, roles, body_max: bodyMax }) {
  const name = operation.operationId, role = name === 'registerClient' ? 'ticket' : roles[0];
  const other = ['holder', 'inspector', 'partner', 'issuer', 'system', 'auditor'].find((r) => !roles.includes(r));
  const rows = [
    [name, 401, 'token_missing', bare(operation)],
    [name, 401, 'token_invalid', bare(operation, 'foreign')],
    [name, 403, 'forbidden', bare(operation, other)],
    [name, 503, 'directory_unavailable', bare(operation, role), 'directoryless'],
  ];
  const json = (body, type) => bare(operation, role, body, type);
  return operation.requestBody?.content['application/json'] ? [...rows,
    [name, 400, 'malformed_body', json('{"')],
    [name, 413, 'body_too_large', json(`"${'x'.repeat(bodyMax)}"`)],
    [name, 415, 'unsupported_media_type', json('{}', 'application/xml')]] : rows;
}

export const ROWS = [...TRACES, ...OWN, ...GIVEN, ...CODES, ...OTHERS, ...INSPECTORS, ...SCANS, ...OBJECTIONS, ...AUTHORITIES, ...TOKENS,
  ...ANYBODY,
  ...routes.filter(({ roles }) => roles.length).flatMap(usual)];

// Whatever it takes to see these is said here, and not left out.
export const UNSEEN = [
  [null, 500, 'internal_error', 'needs OpenSSL, qrencode or the system to fail: tests/unit has those faults'],
  ['giveToken', 500, 'server_error', 'the same, of the token\'s MAC'],
];
