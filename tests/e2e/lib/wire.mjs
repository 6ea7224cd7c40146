// One connection to a gateway's plain HTTP, for one request after the other: for suites and benchmarks that ask so
// often, or time so finely, that an ordinary client would be most of it.
import { once } from 'node:events';
import net from 'node:net';

export const plainHttp = { plain_http: true, certificate: '""', certificate_key: '""' };

const CLOSED = 'the gateway closed the connection';

export class Wire {
  #socket; #text = ''; #waiting;
  static async open(gateway) {
    const wire = new Wire();
    const { port } = gateway.log.find((l) => l.event === 'listening' && l.protocol === 'http');
    wire.#socket = net.connect(port, '127.0.0.1').setNoDelay(true);
    wire.#socket.on('data', (data) => wire.#read(data));
    wire.#socket.on('error', () => {});
    wire.#socket.on('close', () => wire.#waiting?.reject(new Error(CLOSED)));
    await once(wire.#socket, 'connect');
    return wire;
  }
  #read(data) {
    this.#text += data.toString('latin1');
    const end = this.#text.indexOf('\r\n\r\n') + 4;
    if (end < 4) return;
    const head = this.#text.slice(0, end);
    if (this.#text.length < end + Number(/^content-length: (\d+)/im.exec(head)[1])) return;
    const body = Buffer.from(this.#text.slice(end), 'latin1'), { resolve } = this.#waiting;
    this.#text = '';
    this.#waiting = undefined;
    resolve({ status: Number(head.slice(9, 12)), head, body, json: () => JSON.parse(body.toString()) });
  }
  // {status, head, body, json()}. The request is on its way when this returns.
  ask(method, path, { token, type, body = '', headers = {} } = {}) {
    const all = { host: 'localhost', 'content-length': Buffer.byteLength(body), ...headers };
    if (token) all.authorization = `Bearer ${token}`;
    if (type) all['content-type'] = type;
    const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join('');
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) reject(new Error(CLOSED));
      this.#waiting = { resolve, reject };
      this.#socket.write(`${method} ${path} HTTP/1.1\r\n${head}\r\n${body}`);
    });
  }
  json(method, path, token, value, headers) {
    return this.ask(method, path, { token, type: 'application/json', body: JSON.stringify(value), headers });
  }
  verify(code, token) { return this.ask('POST', '/v1/verify', { token, type: 'text/plain', body: code }); }
  close() { this.#socket.destroy(); }
}
