// What verifiers without a network need, made as an operator makes it: a root key that lies apart, its
// public half, the trust bundle.
import { until } from './site.mjs';

export async function makeTrust(site, { algorithm = 'ES256' } = {}) {
  await site.jwb('key', 'create', '--use', 'root', '--alg', algorithm, '--file', site.path('root.jwks'));
  await site.jwb('key', 'publish', '--use', 'root', '--file', site.path('root.jwks'), '--out', site.path('roots.jwks'));
  await makeBundle(site);
}

export const makeBundle = (site, ...args) => site.jwb('bundle', 'make', '--root', site.path('root.jwks'), ...args);

// The gateway's answer once there is one; `test` of it may ask for more.
export function published(gateway, target, options = {}, test = () => true) {
  return until(() => gateway.request('GET', target, options), (answer) => answer.status !== 503 && test(answer));
}
