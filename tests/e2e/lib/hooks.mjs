// What an issuing authority runs to be told: an HTTPS server that checks signatures by the gateway's
// JWKS, as docs/PROTOCOL.md section 18 says it, with WebCrypto alone.
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import https from 'node:https';
import { until } from './site.mjs';

const utf8 = new TextEncoder();

export class Hooks {
  // Every request, in the order of arrival: {id, time, signature, text, body, answered}. A receiver
  // has a message when it answered it with 2xx; the same id again is the same message.
  received = [];
  #held = [];
  #hold = false;

  // `answer` gives the status for a request, 204 if nothing else is said.
  static async start(t, site, answer = () => 204) {
    const hooks = new Hooks();
    Object.assign(hooks, { site, answer });
    await hooks.open();
    t.after(() => hooks.close());
    return hooks;
  }
  // On the port it had, if it had one.
  async open() {
    this.server = https.createServer({ cert: this.site.read('server.pem'), key: this.site.read('server.key') },
      (request, response) => this.#take(request, response));
    await new Promise((resolve, reject) => {
      this.server.on('error', reject).listen(this.port ?? 0, '127.0.0.1', resolve);
    });
    this.port = this.server.address().port;
    this.url = `https://localhost:${this.port}/hook?key=swordfish`;
  }
  async close() {
    if (!this.server.listening) return;
    const closed = new Promise((resolve) => { this.server.close(resolve); });
    this.release();
    this.server.closeAllConnections?.();
    await closed;
  }
  // Requests that come are noted and not answered, until release.
  hold() { this.#hold = true; }
  release() {
    this.#hold = false;
    for (const go of this.#held.splice(0)) go();
  }

  #take(request, response) {
    const chunks = [];
    request.on('error', () => {});
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', async () => {
      const text = Buffer.concat(chunks).toString();
      const one = { method: request.method, path: request.url, type: request.headers['content-type'],
        id: request.headers['webhook-id'], time: request.headers['webhook-timestamp'],
        signature: request.headers['webhook-signature'], text, body: JSON.parse(text) };
      this.received.push(one);
      if (this.#hold) await new Promise((go) => { this.#held.push(go); });
      one.answered = this.answer(one);
      response.writeHead(one.answered, one.answered >= 300 && one.answered < 400 ? { location: '/elsewhere' } : {});
      response.end('thank you');
    });
  }

  get delivered() { return this.received.filter((r) => r.answered >= 200 && r.answered < 300); }
  // Until so many different messages were taken.
  messages(count, ms = 20000) {
    return until(() => [...new Map(this.delivered.map((r) => [r.id, r])).values()], (all) => all.length >= count, ms);
  }
  requests(count, ms = 20000) { return until(() => this.received, (all) => all.length >= count, ms); }
}

// Is this request the gateway's? `changes` are laid over it first.
export async function isSigned(gateway, request, changes = {}) {
  const { id, time, signature, text } = { ...request, ...changes };
  const { keys } = (await gateway.request('GET', '/.well-known/jwks.json')).json();
  const [, kid, value] = /^es256 ([0-9a-f]{8}) ([\w-]{86})$/.exec(signature);
  const jwk = keys.find((key) => key.kid === kid);
  assert.equal(jwk?.jwb_use, 'webhook');
  const { kty, crv, x, y } = jwk;
  const key = await webcrypto.subtle.importKey('jwk', { kty, crv, x, y }, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']);
  return webcrypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, Buffer.from(value, 'base64url'),
    utf8.encode(`${id}.${time}.${text}`));
}
