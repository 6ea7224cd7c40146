// Writes a journal as its layout is documented (docs/PROTOCOL.md), so that a test can have evidence of years ago.
import fs from 'node:fs';

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let i = 0; i < 8; i++) n = n & 1 ? n >>> 1 ^ 0x82F63B78 : n >>> 1;
  return n >>> 0;
});
export function crc32c(octets) {
  let crc = 0xFFFFFFFF;
  for (const octet of octets) crc = crc >>> 8 ^ TABLE[(crc ^ octet) & 0xFF];
  return (crc ^ 0xFFFFFFFF) >>> 0;
}
function u32(value) {
  const octets = Buffer.alloc(4);
  octets.writeUInt32LE(value);
  return octets;
}

// {kind, at (Date), request, client}: numbers as in evidence/journal.h
function record({ kind, at, request, client }) {
  const texts = Buffer.from(client), fixed = Buffer.alloc(92);
  fixed[0] = kind;
  fixed[5] = 255; // acting: none
  fixed[12] = fixed[13] = 255;
  fixed.writeUInt16LE(65535, 14);
  fixed.writeBigUInt64LE(BigInt(request), 16);
  fixed.writeBigInt64LE(BigInt(at.getTime()) * 1000n, 24);
  fixed[45] = texts.length;
  const checked = Buffer.concat([u32(fixed.length + texts.length), fixed, texts]);
  return Buffer.concat([u32(crc32c(checked)), checked]);
}

export function writeJournal(folder, loop, records) {
  const head = Buffer.alloc(20);
  head.write('JWBJ');
  head.writeUInt32LE(3, 4);
  head.writeUInt32LE(loop, 8);
  head.writeBigUInt64LE(0x1122334455667788n, 12);
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  fs.writeFileSync(`${folder}/journal-${loop}-00000001.jwbj`,
    Buffer.concat([head, u32(crc32c(head)), ...records.map(record)]), { mode: 0o600 });
}
