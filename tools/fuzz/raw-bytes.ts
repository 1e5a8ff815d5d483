import type { SeededRandom } from '@switchboard/testkit';

const CHAT = '{"model":"sim/tokens=1","messages":[{"role":"user","content":"x"}]}';
const POST = 'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';
const CHUNK = `${CHAT.length.toString(16)}\r\n${CHAT}\r\n`;
const STARTS = [
  `${POST}content-length: ${CHAT.length}\r\n\r\n${CHAT}`,
  `${POST}transfer-encoding: chunked\r\n\r\n${CHUNK}0\r\n\r\n`,
  'GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n',
  'GET /livez HTTP/1.0\r\n\r\n',
  'CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
];
/** Where parsers stumble. */
const PIECES = ['\r', '\n', '\r\n', '\0', ' ', ':', '\r\n\r\n', '\u00ff', ';', ',', '0', '-', '\t'];

/** One in so many waits for the gateway to lose patience. */
const PATIENT = 25;

/** Bytes that are hardly HTTP. */
export function rawBytes(random: SeededRandom): { bytes: Buffer; ends: boolean } {
  const ends = random.int(1, PATIENT) > 1;
  if (random.int(0, 9) === 0) {
    const noise = Array.from({ length: random.int(0, 300) }, () => random.int(0, 255));
    return { bytes: Buffer.from(noise), ends };
  }
  let text = random.pick(STARTS);
  for (let times = random.int(1, 4); times > 0; times -= 1) text = damaged(random, text);
  return { bytes: Buffer.from(text, 'latin1'), ends };
}

function damaged(random: SeededRandom, text: string): string {
  const at = random.int(0, text.length);
  const piece = random.pick(PIECES);
  switch (random.int(0, 6)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + piece + text.slice(at);
    case 2:
      return text.slice(0, at) + text.slice(at + random.int(1, 5));
    case 3:
      return text.slice(0, at) + piece.repeat(random.pick([2, 100, 20_000])) + text.slice(at);
    case 4:
      return text + random.pick(STARTS);
    case 5: // A line twice.
      return text.replace(/\r\n(.+)\r\n/, '\r\n$1\r\n$1\r\n');
    default:
      return text.slice(0, at) + String.fromCharCode(random.int(0, 255)) + text.slice(at + 1);
  }
}
