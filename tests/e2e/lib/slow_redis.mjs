// Stands before Redis's socket and makes its two ways slow, each connection and each direction by itself: what
// has arrived waits for a time drawn at random and is passed on whole, in order, also when its sender has gone.
import { once } from 'node:events';
import net from 'node:net';

const AT_ONCE = 0.8, STALLED = 0.01; // shares of the waits
const SLOW_MS = 60, STALL_MS = 400;

export class SlowRedis {
  #sockets = new Set(); #random; #calm = false;
  passed = 0; stalls = 0; connections = 0;

  // `random` gives numbers from 0 to 1 (chance, of faults.mjs).
  static async start(t, path, target, random) {
    const slow = new SlowRedis();
    slow.path = path;
    slow.#random = random;
    slow.server = net.createServer((client) => slow.#accept(client, net.connect(target))).listen(path);
    t.after(() => slow.stop());
    await once(slow.server, 'listening');
    return slow;
  }
  #accept(client, redis) {
    this.connections++;
    for (const socket of [client, redis]) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    }
    this.#pass(client, redis);
    this.#pass(redis, client);
  }
  async #pass(from, to) {
    try {
      for await (const data of from) {
        const ms = this.#wait();
        if (ms) await new Promise((resolve) => setTimeout(resolve, ms));
        to.write(data);
        this.passed++;
      }
    } catch { /* it broke off */ }
    to.end();
  }
  #wait() {
    const drawn = this.#random();
    if (this.#calm || drawn < AT_ONCE) return 0;
    if (drawn < 1 - STALLED) return this.#random() * SLOW_MS;
    this.stalls++;
    return SLOW_MS + this.#random() * (STALL_MS - SLOW_MS);
  }
  // From now on nothing waits.
  calm() { this.#calm = true; }
  async stop() {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
