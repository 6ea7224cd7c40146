// A small identity provider, as the city's app has one: for tests and the demo, never for people. It
// signs what it is asked to sign and knows nobody.
import crypto from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';

const part = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

// A JWT in compact form; header and claims may be texts, to say what JSON.stringify would not.
export function jwt(header, claims, sign) {
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${Buffer.from(sign(signed)).toString('base64url')}`;
}

const generate = (alg) => (alg === 'ES256' ? crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })
  : crypto.generateKeyPairSync('rsa', { modulusLength: 2048 })).privateKey;

export class SigningKey {
  // alg: ES256 or RS256. kid: the RFC 7638 thumbprint if none is given.
  constructor(alg = 'ES256', kid = undefined, privateKey = generate(alg)) {
    Object.assign(this, { alg, privateKey, publicKey: crypto.createPublicKey(privateKey) });
    const { crv, e, kty, n, x, y } = this.publicKey.export({ format: 'jwk' });
    const members = kty === 'EC' ? { crv, kty, x, y } : { e, kty, n };
    this.kid = kid ?? crypto.createHash('sha256').update(JSON.stringify(members)).digest('base64url');
    this.jwk = { ...members, alg, use: 'sig', kid: this.kid };
  }
  get privateJwk() { return { ...this.jwk, ...this.privateKey.export({ format: 'jwk' }) }; }
  get publicPem() { return this.publicKey.export({ format: 'pem', type: 'spki' }); }
  get privatePem() { return this.privateKey.export({ format: 'pem', type: 'pkcs8' }); }
  sign(text) {
    return crypto.sign('sha256', Buffer.from(text), { key: this.privateKey, dsaEncoding: 'ieee-p1363' });
  }
  // `header` is laid over alg and kid.
  jwt(claims, header = {}) {
    const whole = typeof header === 'string' ? header : { alg: this.alg, typ: 'JWT', kid: this.kid, ...header };
    return jwt(whole, claims, (text) => this.sign(text));
  }
}

// What a client proves itself with at `audience` (RFC 7523); `claims` are laid over the usual ones.
export function clientAssertion(key, client, audience, claims = {}, header = {}) {
  const now = Math.floor(Date.now() / 1000);
  return key.jwt({ iss: client, sub: client, aud: audience, iat: now, exp: now + 60,
    jti: crypto.randomUUID(), ...claims }, header);
}

export class IdentityProvider {
  fetches = 0;
  constructor({ issuer = 'https://id.example', audience, key = new SigningKey() }) {
    Object.assign(this, { issuer, audience, keys: [key] });
  }
  get jwks() { return { keys: this.keys.map((key) => key.jwk) }; }
  writeJwks(file) { fs.writeFileSync(file, JSON.stringify(this.jwks)); }

  token(person, claims = {}, { key = this.keys[0], header } = {}) {
    const now = Math.floor(Date.now() / 1000);
    return key.jwt({ iss: this.issuer, aud: this.audience, iat: now, exp: now + 60,
      jti: crypto.randomUUID(), ...person, ...claims }, header);
  }
  citizen(number, claims, how) { return this.token({ role: 'citizen', id_number: number }, claims, how); }
  inspector(agency, officer, claims, how) {
    return this.token({ role: 'inspector', agency, officer }, claims, how);
  }

  // Serves the keys at `url`; certificate and private key in PEM.
  async serve({ certificate, privateKey, port = 0 }) {
    this.server = https.createServer({ cert: certificate, key: privateKey }, (request, response) => {
      this.fetches++;
      const found = request.url === '/jwks.json';
      response.writeHead(found ? 200 : 404, { 'content-type': 'application/jwk-set+json' });
      response.end(found ? JSON.stringify(this.jwks) : '{}');
    });
    await new Promise((resolve, reject) => {
      this.server.on('error', reject).listen(port, '127.0.0.1', resolve);
    });
    this.url = `https://localhost:${this.server.address().port}/jwks.json`;
  }
  async stop() {
    if (!this.server?.listening) return;
    const closed = new Promise((resolve) => { this.server.close(resolve); });
    this.server.closeAllConnections?.(); // since Node 18.2
    await closed;
  }
}
