// A site whose gateway gives tokens: with an identity provider, a known origin, and clients' keys at hand.
import crypto from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import { clientAssertion, IdentityProvider, jwt, SigningKey } from './idp.mjs';
import { Site, until } from './site.mjs';

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
export const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const JWT_TYPE = 'urn:ietf:params:oauth:token-type:jwt';

// A gateway must be told how others call it before it has a port.
function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer().on('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export class OauthSite {
  // options: as of Site.start, and key (the identity provider's)
  static async start(t, { config = {}, key, ...options } = {}) {
    const me = new OauthSite();
    const port = await freePort();
    me.origin = `https://localhost:${port}`;
    me.provider = new IdentityProvider({ audience: me.origin, key });
    t.after(() => me.provider.stop());
    me.site = await Site.start(t, { ...options, gateway: false, config: {} });
    me.provider.writeJwks(me.site.path('idp.jwks'));
    // A trip that a busy machine makes slow is not what is looked at here.
    me.settings = { cache: { trip_timeout_ms: 5000 }, ...config, public: { origin: me.origin, ...config.public },
      identity: { issuer: me.provider.issuer, jwks: me.site.path('idp.jwks'), ...config.identity } };
    me.site.config('gateway', { ...me.settings, public: { ...me.settings.public, port } });
    me.gateway = await me.#started('gateway');
    return me;
  }
  // Another gateway for the same origin.
  startGateway(name) {
    this.site.config(name, this.settings);
    return this.#started(name);
  }
  // Until it has met Redis, and the registry knows which, it gives no token.
  async #started(name) {
    const gateway = await this.site.startGateway(name);
    await until(() => this.clientToken(this.assertion('authority'), {}, gateway), (answer) => answer.status === 200);
    return gateway;
  }

  key(client) {
    const jwk = JSON.parse(fs.readFileSync(this.site.path(`${client}.jwk`)));
    return new SigningKey('ES256', undefined, crypto.createPrivateKey({ key: jwk, format: 'jwk' }));
  }
  assertion(client, claims, header, key = this.key(client)) {
    return clientAssertion(key, client, this.origin, claims, header);
  }
  // {status, headers, json()}; parameters whose value is undefined are left out.
  post(parameters, gateway = this.gateway, headers = {}) {
    const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
    return gateway.request('POST', '/oauth2/token', { body: new URLSearchParams(given).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers } });
  }
  clientToken(assertion, more = {}, gateway) {
    return this.post({ grant_type: 'client_credentials', client_assertion_type: assertion && ASSERTION_TYPE,
      client_assertion: assertion, ...more }, gateway);
  }
  exchange(token, more = {}, gateway) {
    return this.post({ grant_type: EXCHANGE, subject_token: token, subject_token_type: JWT_TYPE, ...more }, gateway);
  }
  // An inspector's: his identity token together with his terminal's assertion.
  inspect(token, terminal = 'terminal-7', gateway = undefined) {
    return this.exchange(token, { client_assertion_type: ASSERTION_TYPE,
      client_assertion: this.assertion(terminal) }, gateway);
  }
}

// Tokens that nobody must take, of one that is taken as it is: make(claims, header) signs with `key`, whose
// owner the gateway knows. [what is wrong, the token, by which word it is counted]
export function hostileTokens({ key, make, good }) {
  const now = () => Math.floor(Date.now() / 1000);
  const stranger = new SigningKey(key.alg, key.kid);
  const [header, claims, signature] = good.split('.');
  const json = (part) => JSON.parse(Buffer.from(part, 'base64url'));
  const hmac = (secret) => jwt({ ...json(header), alg: 'HS256' }, json(claims), (signed) =>
    crypto.createHmac('sha256', secret).update(signed).digest());
  const again = (more) => JSON.stringify(json(claims)).replace(/}$/, `,${more}}`);
  const headed = (more) => make({}, more);
  const other = key.alg === 'ES256' ? 'RS256' : 'ES256';
  return [
    ['no signature', `${header}.${claims}.`, 'signature'],
    ['two parts', `${header}.${claims}`, 'malformed'],
    ['four parts', `${good}.AAAA`, 'malformed'],
    ['padding', `${good}==`, 'malformed'],
    ['no JSON', jwt('{', '{', () => 'x'), 'malformed'],
    ['not an object', jwt(json(header), '["iss"]', (signed) => key.sign(signed)), 'malformed'],
    ['too long', make({ filler: 'x'.repeat(4096) }), 'malformed'],
    ['alg none', jwt({ alg: 'none' }, json(claims), () => ''), 'alg'],
    ['alg None', jwt({ alg: 'None' }, json(claims), () => ''), 'alg'],
    ['no alg', jwt({ typ: 'JWT' }, json(claims), () => ''), 'alg'],
    ['HMAC with the public key in PEM', hmac(key.publicPem), 'alg'],
    ['HMAC with the public key as JWK', hmac(JSON.stringify(key.jwk)), 'alg'],
    ['HMAC with the kid', hmac(key.kid), 'alg'],
    ['another algorithm than the key\'s', headed({ alg: other }), 'alg'],
    ['ES384', headed({ alg: 'ES384' }), 'alg'],
    ['jku', headed({ jku: 'https://evil.example/jwks.json' }), 'header'],
    ['jwk', headed({ jwk: stranger.jwk }), 'header'],
    ['x5u', headed({ x5u: 'https://evil.example/cert.pem' }), 'header'],
    ['x5c', headed({ x5c: ['MIIB'] }), 'header'],
    ['crit', headed({ crit: ['exp'] }), 'header'],
    ['b64', headed({ b64: false }), 'header'],
    ['foreign kid', headed({ kid: 'somebody-else' }), 'key'],
    ['kid that is a path', headed({ kid: '../../../dev/null' }), 'key'],
    ['another key under this kid', stranger.jwt(json(claims)), 'signature'],
    ['the signature of other claims', `${header}.${make({ more: 1 }).split('.')[1]}.${signature}`, 'signature'],
    ['a signature of zeros', `${header}.${claims}.${Buffer.alloc(64).toString('base64url')}`, 'signature'],
    ['alg twice', key.jwt(json(claims), JSON.stringify(json(header)).replace(/}$/, ',"alg":"ES256"}')), 'malformed'],
    ['a claim twice', key.jwt(again('"exp":99999999999')), 'malformed'],
    ['a claim twice by an escape', key.jwt(again('"\\u0065xp":99999999999')), 'malformed'],
    ['the issuer twice', key.jwt(again('"iss":"x"')), 'malformed'],
    ['wrong audience', make({ aud: 'https://elsewhere.example' }), 'audience'],
    ['another audience as well', make({ aud: [json(claims).aud, 'https://elsewhere.example'] }), 'audience'],
    ['no audience', make({ aud: undefined }), 'audience'],
    ['an empty audience', make({ aud: [] }), 'audience'],
    ['expired', make({ iat: now() - 120, exp: now() - 60 }), 'expired'],
    ['not yet valid', make({ nbf: now() + 60 }), 'not_yet_valid'],
    ['issued in the future', make({ iat: now() + 30, exp: now() + 60 }), 'not_yet_valid'],
    ['valid for an hour', make({ exp: now() + 3600 }), 'too_long'],
    ['valid for longer by its iat', make({ iat: now() - 60, exp: now() + 55 }), 'too_long'],
    ['no exp', make({ exp: undefined }), 'claim'],
    ['exp as a text', make({ exp: String(now() + 30) }), 'claim'],
    ['exp as a fraction', make({ exp: now() + 30.5 }), 'claim'],
    ['no jti', make({ jti: undefined }), 'claim'],
    ['an empty jti', make({ jti: '' }), 'claim'],
    ['a jti that is no text', make({ jti: 7 }), 'claim'],
  ];
}

// The token with one bit of one character changed, at every `step`th place: whatever it then is.
export function* flipped(token, step = 1) {
  for (let i = 0; i < token.length; i += step)
    yield token.slice(0, i) + String.fromCharCode(token.charCodeAt(i) ^ (1 << (i % 6))) + token.slice(i + 1);
}
