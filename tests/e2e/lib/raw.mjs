// A connection to a gateway's public listener on which anything may be written.
import tls from 'node:tls';

// Opens it, writes `bytes`, and gives everything that came until the gateway ended the connection:
// {text, answers}, answers being [{status, headers, body}]. `after` is told of the open socket.
export function raw(gateway, bytes, after = () => {}) {
  return new Promise((resolve) => {
    const chunks = [];
    const socket = tls.connect({ host: '127.0.0.1', port: gateway.port, ca: gateway.site.ca,
      servername: 'localhost' }, () => {
      socket.write(bytes);
      after(socket);
    });
    socket.on('data', (data) => chunks.push(data));
    socket.on('error', () => {}); // a reset ends it as well
    socket.on('close', () => {
      const all = Buffer.concat(chunks);
      resolve({ text: all.toString('latin1'), answers: answersIn(all) });
    });
  });
}

function answersIn(bytes) {
  const answers = [];
  while (bytes.length) {
    const end = bytes.indexOf('\r\n\r\n');
    if (end < 0) break;
    const [first, ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
    const headers = Object.fromEntries(lines.map((line) => [line.split(':')[0].toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim()]));
    const length = Number(headers['content-length'] ?? 0);
    answers.push({ status: Number(first.split(' ')[1]), headers, body: bytes.subarray(end + 4, end + 4 + length) });
    bytes = bytes.subarray(end + 4 + length);
  }
  return answers;
}
