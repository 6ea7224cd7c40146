// The backend of a city's app, as small as it can be: it knows who is logged in, tells the gateway so,
// and hosts the pages on which people list and display their licences. Node 18, nothing else.
//
//   node backend.mjs settings.json
//
//   {"gateway": "https://licences.example.gov.cn", "ca": "ca.pem",      the system's authorities without "ca"
//    "issuer": "https://app.example.gov.cn", "key": "identity-key.pem", identity.issuer, and its private key
//    "audience": "https://licences.example.gov.cn",                     identity.audience or public.origin, if
//                                                                       "gateway" is another address
//    "port": 3000, "person": "..."}                                     the citizen number of who is logged in
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';

const settings = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const gateway = new URL(settings.gateway);
const agent = new https.Agent({ keepAlive: true, ca: settings.ca && fs.readFileSync(settings.ca) });
const signingKey = crypto.createPrivateKey(fs.readFileSync(settings.key));

// ---- who is logged in: here an app looks into its own sessions ----

const personOf = (request) => settings.person;

// ---- the identity token: "this is who has logged in", for the gateway alone, for a minute, once ----

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function identityToken(number) {
  const now = Math.floor(Date.now() / 1000);
  const signed = base64url({ alg: 'ES256', typ: 'JWT' }) + '.' + base64url({
    iss: settings.issuer, aud: settings.audience ?? gateway.origin, iat: now, exp: now + 60, jti: crypto.randomUUID(),
    role: 'citizen', id_number: number });
  const signature = crypto.sign('sha256', Buffer.from(signed), { key: signingKey, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

// ---- talking to the gateway ----

function ask(method, path, headers, body = '') {
  return new Promise((resolve, reject) => {
    const request = https.request(new URL(path, gateway), { method, agent, headers, timeout: 10000 }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk)).on('error', reject).on('end', () =>
        resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) }));
    });
    request.on('error', reject).on('timeout', () => request.destroy(new Error('the gateway is silent'))).end(body);
  });
}

// The identity token is exchanged for an access token (RFC 8693).
async function accessToken(number) {
  const answer = await ask('POST', '/oauth2/token', { 'content-type': 'application/x-www-form-urlencoded' },
    new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: identityToken(number),
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      scope: 'display',
    }).toString());
  const told = JSON.parse(answer.body);
  if (answer.status !== 200) throw Object.assign(new Error(told.error_description), { status: answer.status });
  return { text: told.access_token, renewAt: Date.now() + (told.expires_in - 60) * 1000 };
}

// Tokens stay here, in memory: no page and no log ever sees one.
const tokens = new Map();

async function askFor(number, method, path, headers = {}, body = undefined) {
  for (let again = false; ; again = true) {
    if (again || !(tokens.get(number)?.renewAt > Date.now())) tokens.set(number, await accessToken(number));
    const answer = await ask(method, path, { ...headers, authorization: `Bearer ${tokens.get(number).text}` }, body);
    if (answer.status !== 401 || again) return answer;
  }
}

// ---- what the pages ask ----

const answers = {
  'GET /api/licences': (request) => askFor(personOf(request), 'GET', '/v1/licences'),
  // The page says which; whether it is theirs is the gateway's to know.
  'POST /api/codes': (request, body) => askFor(personOf(request), 'POST', '/v1/codes',
    { 'content-type': 'application/json', accept: 'image/svg+xml' }, body),
};
const passedOn = ['content-type', 'cache-control', 'code-expires-at', 'code-refresh-after', 'retry-after'];
const pages = { 'GET /': ['page.html', 'text/html; charset=utf-8'], 'GET /page.js': ['page.js', 'text/javascript'] };
const pageHeaders = {
  'content-security-policy': "default-src 'none'; script-src 'self'; connect-src 'self'; img-src blob:; " +
    "style-src 'unsafe-inline'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

async function bodyOf(request) {
  let body = '';
  for await (const chunk of request) if ((body += chunk).length > 1024) throw Object.assign(new Error('too long'), { status: 413 });
  return body;
}

async function serve(request, response) {
  const what = `${request.method} ${request.url}`;
  // A form of another site can't send this type: no request is made in the user's name elsewhere.
  if (request.method === 'POST' && request.headers['content-type'] !== 'application/json')
    throw Object.assign(new Error('application/json'), { status: 415 });
  if (pages[what]) {
    const [file, type] = pages[what];
    response.writeHead(200, { ...pageHeaders, 'content-type': type });
    response.end(fs.readFileSync(new URL(file, import.meta.url)));
  } else if (answers[what]) {
    const answer = await answers[what](request, await bodyOf(request));
    response.writeHead(answer.status, Object.fromEntries(passedOn.filter((name) => answer.headers[name])
      .map((name) => [name, answer.headers[name]])));
    response.end(answer.body);
  } else {
    response.writeHead(404).end();
  }
}

const server = http.createServer((request, response) => serve(request, response).catch((error) => {
  response.writeHead(error.status ?? 502, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ error: error.message }));
}));
server.listen(settings.port, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`));
