import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { isPublicAddress } from '../src/outbound/address.ts';
import { openOutbound, openOutboundTo, type Resolve } from '../src/outbound/open.ts';
import { AddressRefused, UrlRefused } from '../src/outbound/outbound.ts';

const seen: IncomingMessage[] = [];
const routes: Record<string, RequestListener> = {
  '/': (_request, response) => response.end('here'),
  '/to-private': (_request, response) => response.writeHead(302, { location: `http://127.0.0.2:${port}/` }).end(),
  '/to-file': (_request, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
  '/echo': (request, response) => {
    response.write(`${request.method} ${request.headers['content-type']} `);
    request.pipe(response);
  },
  '/headless': () => undefined,
  '/stuck': (_request, response) => response.write('begun'),
};
const server = createServer((request, response) => {
  seen.push(request);
  routes[request.url ?? '']?.(request, response);
});
let port = 0;

beforeAll(async () => {
  server.listen(0, '0.0.0.0');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
const opened: { close(): Promise<void> }[] = [];
afterAll(async () => {
  for (const outbound of opened) await outbound.close();
  server.closeAllConnections();
  server.close();
});

const keep = <Outbound extends { close(): Promise<void> }>(outbound: Outbound): Outbound => {
  opened.push(outbound);
  return outbound;
};
const strict = keep(openOutbound({ allowPrivateAddresses: false }));
const open = keep(openOutbound({ allowPrivateAddresses: true }));
/** As if 127.0.0.1 were the internet, and all else were private. */
const outsideIs = (resolve?: Resolve) => keep(openOutboundTo((address) => address === '127.0.0.1', resolve));

/** The words of a text, each for a test of its own. */
const each = (text: string): string[] => text.trim().split(/\s+/);

describe('which addresses are public', () => {
  test.each(
    each(`
    0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1
    172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.1 192.175.48.1
    198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    168.63.129.16 :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::7f00:1
    64:ff9b:1::1 100::1 100:0:0:1::1 2001::1 2001:2::1 2001:10::1 2001:20::1 2001:30::1 2001:db8::1 2002:7f00:1::
    3fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 febf::1 fec0::1 ff02::1 localhost 127.0.0.1.example
  `),
  )('%s is not', (address) => expect(isPublicAddress(address)).toBe(false));

  test.each([
    '1.1.1.1',
    '8.8.8.8',
    '9.255.255.255',
    '11.0.0.1',
    '100.63.255.255',
    '100.128.0.1',
    '126.255.255.255',
    '128.0.0.1',
    '172.15.0.1',
    '172.32.0.1',
    '192.167.0.1',
    '192.169.0.1',
    '223.255.255.254',
    '2606:4700:4700::1111',
    '2a00:1450:4001::1',
    '2003::1',
  ])('%s is', (address) => expect(isPublicAddress(address)).toBe(true));
});

describe('a server on this machine', () => {
  test.each([
    '127.0.0.1',
    'localhost',
    '0x7f.1',
    '0x7f000001',
    '2130706433',
    '017700000001',
    '127.1',
    '0',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::]',
    '[64:ff9b::127.0.0.1]',
    '①②⑦.0.0.1',
  ])('is not asked as %s', async (host) => {
    const before = seen.length;
    await expect(strict.fetch(`http://${host}:${port}/`)).rejects.toThrow(AddressRefused);
    expect(seen).toHaveLength(before);
  });

  test('is asked when the settings allow it', async () => {
    const response = await open.fetch(`http://127.0.0.1:${port}/`);
    expect([response.status, await response.text()]).toEqual([200, 'here']);
    expect(seen.at(-1)?.headers['user-agent']).toBe('Tessera/1.0');
    expect(await (await open.fetch(`http://localhost:${port}/`)).text()).toBe('here');
  });
});

describe('a name', () => {
  test('with one private address among public ones is refused', async () => {
    const outbound = outsideIs(async () => [
      { address: '127.0.0.1', family: 4 },
      { address: '127.0.0.2', family: 4 },
    ]);
    await expect(outbound.fetch(`http://mixed.example:${port}/`)).rejects.toThrow(AddressRefused);
  });

  test('is resolved once: what it means a moment later is not connected to', async () => {
    const answers = ['127.0.0.1', '127.0.0.2'];
    const asked: string[] = [];
    const outbound = outsideIs(async (host) => {
      asked.push(host);
      return [{ address: answers[asked.length - 1] ?? '127.0.0.3', family: 4 }];
    });
    const response = await outbound.fetch(`http://rebinding.example:${port}/`);
    expect(await response.text()).toBe('here');
    expect(seen.at(-1)?.socket.localAddress).toMatch(/127\.0\.0\.1$/);
    expect(asked).toEqual(['rebinding.example']);
    // Another connection looks anew, and is refused.
    await expect(outbound.fetch(`http://rebinding.example:${port + 1}/`)).rejects.toThrow(AddressRefused);
  });

  test('that means nothing is no refusal', async () => {
    const nobody = outsideIs(async () => []);
    await expect(nobody.fetch('http://nobody.example/')).rejects.toMatchObject({ cause: { code: 'ENOTFOUND' } });
  });
});

test('a redirect to a private address is refused', async () => {
  await expect(outsideIs().fetch(`http://127.0.0.1:${port}/to-private`)).rejects.toThrow(AddressRefused);
  expect((await open.fetch(`http://127.0.0.1:${port}/to-private`)).status).toBe(200);
  await expect(open.fetch(`http://127.0.0.1:${port}/to-file`)).rejects.toThrow();
});

test.each([
  'file:///etc/passwd',
  'data:text/plain,hello',
  'ftp://example.com/',
  'blob:null/x',
  'gopher://example.com/',
  'http://ada:secret@127.0.0.1/',
  'http://ada@127.0.0.1/',
])('%s is no URL for a request', async (url) => {
  const failure = await open.fetch(url).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(UrlRefused);
  expect(String(failure)).not.toContain('secret');
});

test('a server that says nothing, or stops in the middle, is waited for only so long', async () => {
  const hasty = keep(openOutboundTo(() => true, undefined, { connectMs: 500, headersMs: 500, bodyIdleMs: 500 }));
  await expect(hasty.fetch(`http://127.0.0.1:${port}/headless`)).rejects.toMatchObject({
    cause: { code: 'UND_ERR_HEADERS_TIMEOUT' },
  });
  const stuck = await hasty.fetch(`http://127.0.0.1:${port}/stuck`);
  await expect(stuck.text()).rejects.toMatchObject({ cause: { code: 'UND_ERR_BODY_TIMEOUT' } });
});

test('what is sent arrives', async () => {
  const send = async (body: string | URLSearchParams | Uint8Array<ArrayBuffer> | FormData, headers = {}) =>
    (await open.fetch(new URL(`http://127.0.0.1:${port}/echo`), { method: 'POST', body, headers })).text();
  expect(await send('{}', { 'Content-Type': 'application/json' })).toBe('POST application/json {}');
  expect(await send(new URLSearchParams({ a: 'b c' }))).toBe(
    'POST application/x-www-form-urlencoded;charset=UTF-8 a=b+c',
  );
  expect(await send(new TextEncoder().encode('bytes'))).toBe('POST undefined bytes');
  const form = new FormData();
  form.append('a', 'b');
  const [, boundary, sent] = /boundary=(\S+) (.*)$/s.exec(await send(form)) ?? [];
  expect(sent).toBe(`--${boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--${boundary}--\r\n`);
});

test('who has no more patience breaks off', async () => {
  const controller = new AbortController();
  const answer = open.fetch(`http://127.0.0.1:${port}/headless`, { signal: controller.signal });
  setTimeout(() => controller.abort(new Error('enough')), 50);
  await expect(answer).rejects.toThrow('enough');
});
