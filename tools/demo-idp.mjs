#!/usr/bin/env node
// An identity provider FOR DEMONSTRATION ONLY: it signs for whoever asks it, and checks nobody. It takes
// the place of the one behind the city's app.
//
//   demo-idp.mjs serve --key FILE --certificate PEM --certificate-key PEM [--port N]
//   demo-idp.mjs jwks --key FILE
//   demo-idp.mjs token --key FILE --audience GATEWAY citizen < NUMBER
//   demo-idp.mjs token --key FILE --audience GATEWAY inspector AGENCY OFFICER
//   demo-idp.mjs assertion --key FILE.jwk --audience GATEWAY CLIENT      what a client's own software makes
//
// FILE keeps the signing key and is made when it is not there; tokens live for a minute, and are good for
// one use. Every token's issuer is https://demo-idp.invalid.
import crypto from 'node:crypto';
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { clientAssertion, IdentityProvider, SigningKey } from '../tests/e2e/lib/idp.mjs';

const ISSUER = 'https://demo-idp.invalid';

function fail(text) {
  console.error(`demo-idp: ${text}`);
  process.exit(2);
}

function keyOf(file) {
  if (!file) fail('--key FILE is missing');
  if (!fs.existsSync(file)) fs.writeFileSync(file, new SigningKey().privatePem, { mode: 0o600 });
  return new SigningKey('ES256', undefined, crypto.createPrivateKey(fs.readFileSync(file)));
}

const text = { type: 'string' };
const { values: given, positionals: [command, role, ...names] } = parseArgs({
  allowPositionals: true,
  options: { key: text, certificate: text, 'certificate-key': text, port: text, audience: text },
});
if (!['serve', 'jwks', 'token', 'assertion'].includes(command)) fail('serve, jwks, token or assertion?');
if (command === 'assertion') {
  if (!given.key || !given.audience || !role) fail('assertion needs --key, --audience and a client');
  const jwk = JSON.parse(fs.readFileSync(given.key, 'utf8'));
  const key = new SigningKey('ES256', undefined, crypto.createPrivateKey({ key: jwk, format: 'jwk' }));
  console.log(clientAssertion(key, role, given.audience));
  process.exit();
}
const provider = new IdentityProvider({ issuer: ISSUER, audience: given.audience, key: keyOf(given.key) });

if (command === 'jwks') {
  console.log(JSON.stringify(provider.jwks));
} else if (command === 'serve') {
  if (!given.certificate || !given['certificate-key']) fail('--certificate and --certificate-key are needed');
  await provider.serve({ certificate: fs.readFileSync(given.certificate),
    privateKey: fs.readFileSync(given['certificate-key']), port: Number(given.port ?? 0) });
  console.log(`for demonstration only: ${ISSUER}, keys at ${provider.url}`);
} else if (!given.audience) {
  fail('--audience is how the gateway is called: its public.origin');
} else if (role === 'citizen') {
  console.log(provider.citizen(fs.readFileSync(0, 'utf8').trim()));
} else if (role === 'inspector' && names.length === 2) {
  console.log(provider.inspector(...names));
} else {
  fail('citizen, or inspector AGENCY OFFICER?');
}
