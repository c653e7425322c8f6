import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { webPageConnector } from '../src/domains/content/connectors/web-page-connector.ts';
import { realPause } from '../src/domains/content/connectors/web-request.ts';
import { openOutbound } from '../src/outbound/open.ts';
import { failureOf, inTurn, Reading, textOf, WebServer } from './web-server.ts';

let server: WebServer;
let reading: Reading<{ url: string }>;
beforeEach(async () => {
  server = await new WebServer().start();
  reading = new Reading(webPageConnector);
});
afterEach(async () => {
  server.stop();
  await reading.close();
});

const html = { 'content-type': 'text/html' };
const page = { headers: html, body: '<p>Hello' };
const at = (path: string) => ({ url: server.url(path) });
const fetchAt = (path: string, known: Record<string, string> | null = null) =>
  reading.fetch(at(path), { id: server.url(path) }, known);
const pagesAsked = () => server.paths.filter((path) => path !== '/robots.txt');

describe('a page', () => {
  test('is one thing with its address as its name', async () => {
    const url = server.url('/a?b=c');
    expect(await reading.list({ url: `${url}#part` })).toEqual({
      items: [{ id: url, title: null, uri: url, version: null }],
      next: null,
    });
    expect(server.requests).toHaveLength(0);
  });

  test('is read, and not read again while it is the same by ETag or date', async () => {
    const lastModified = 'Wed, 21 Oct 2026 07:28:00 GMT';
    server.routes['/a'] = (request, response) => {
      const { 'if-none-match': etag, 'if-modified-since': since } = request.headers;
      if (etag === '"1"' && since === lastModified) response.writeHead(304).end();
      else response.writeHead(200, { ...html, etag: '"1"', 'last-modified': lastModified }).end('<p>Hello');
    };
    const version = { etag: '"1"', lastModified };
    const content = await fetchAt('/a');
    expect(content).toEqual({ bytes: Buffer.from('<p>Hello'), mimeType: 'text/html', title: null, version });
    expect(await fetchAt('/a', version)).toBe('UNCHANGED');
    expect(textOf(await fetchAt('/a', { etag: '"0"' }))).toBe('<p>Hello');
    expect(server.requests.at(-1)?.headers['user-agent']).toBe('Tessera/1.0');
  });

  test('is told by its bytes where the server gives no version', async () => {
    server.routes['/a'] = inTurn(page, page, { headers: html, body: '<p>Else' });
    const version = { sha256: createHash('sha256').update('<p>Hello').digest('hex') };
    expect(await fetchAt('/a')).toMatchObject({ version });
    expect(await fetchAt('/a', version)).toBe('UNCHANGED');
    expect(textOf(await fetchAt('/a', version))).toBe('<p>Else');
  });

  test.each([404, 410])('that is %d is gone', async (status) => {
    server.routes['/a'] = { status };
    expect(await fetchAt('/a')).toBe('GONE');
  });

  test('comes in UTF-8 when the header names another charset, whatever the page says', async () => {
    const body = Buffer.from([0xef, 0xf0, 0xe8, 0xe2, 0xe5, 0xf2]);
    server.routes['/a'] = { headers: { 'content-type': 'text/html; charset=windows-1251' }, body };
    server.routes['/b'] = { headers: { 'content-type': 'text/html; charset=klingon' }, body: 'ü' };
    expect(textOf(await fetchAt('/a'))).toBe('привет');
    expect(textOf(await fetchAt('/b'))).toBe('ü');
  });

  test('that is packed is unpacked', async () => {
    server.routes['/a'] = { headers: { ...html, 'content-encoding': 'gzip' }, body: gzipSync('<p>Packed') };
    expect(textOf(await fetchAt('/a'))).toBe('<p>Packed');
  });

  test.each(['image/png', 'application/zip', 'video/mp4', 'nonsense'])(
    'of type %s is nothing to read',
    async (type) => {
      server.routes['/a'] = { headers: { 'content-type': type }, body: 'x' };
      expect(await failureOf(fetchAt('/a'))).toMatchObject({ kind: 'INVALID' });
    },
  );

  test.each([
    ['a file', 'file:///etc/passwd', /^This must be an http:/],
    ['with a password', 'http://ada:secret@example.com/', /^This must be an http:/],
    ['a host alone', 'example.com', /^This must be an http:/],
    ['long', `http://example.com/${'a'.repeat(1000)}`, /^A URL has at most 1,000 characters/],
    ['long when encoded', `http://example.com/${'ü'.repeat(300)}`, /^A URL has at most 1,000 characters/],
  ])('may not be %s', (_what, url, message) => {
    const result = reading.connector.configuration.safeParse({ url });
    expect(result.error?.issues[0]?.message).toMatch(message);
    expect(reading.connector.configuration.safeParse({ url: 'http://fine.example', more: 1 }).success).toBe(false);
  });
});

describe('a server with faults', () => {
  test('is asked again after a while', async () => {
    server.routes['/a'] = inTurn({ status: 500 }, { status: 503 }, { status: 502 }, page);
    expect(textOf(await fetchAt('/a'))).toBe('<p>Hello');
    expect(reading.pauses).toEqual([500, 2000, 8000]);
  });

  test('is given up after three more tries', async () => {
    server.routes['/a'] = { status: 500 };
    expect(await failureOf(fetchAt('/a'))).toMatchObject({
      kind: 'UNAVAILABLE',
      message: expect.stringContaining('500'),
    });
    expect(pagesAsked()).toHaveLength(4);
  });

  test.each([
    [401, 'UNAUTHORIZED'],
    [403, 'UNAUTHORIZED'],
    [400, 'INVALID'],
    [418, 'INVALID'],
  ])('that answers %d is not asked again: %s', async (status, kind) => {
    server.routes['/a'] = { status };
    expect(await failureOf(fetchAt('/a'))).toMatchObject({ kind });
    expect(pagesAsked()).toHaveLength(1);
  });

  test('that says when to come again is asked then', async () => {
    const date = new Date(Date.now() + 20_000).toUTCString();
    server.routes['/a'] = inTurn(
      { status: 429, headers: { 'retry-after': '7' } },
      { status: 429, headers: { 'retry-after': date } },
      { status: 503, headers: { 'retry-after': '60' } },
      page,
    );
    expect(textOf(await fetchAt('/a'))).toBe('<p>Hello');
    expect(reading.pauses[0]).toBe(7000);
    expect(reading.pauses[1]).toBeGreaterThan(17_000);
    expect(reading.pauses[1]).toBeLessThanOrEqual(20_000);
    expect(reading.pauses[2]).toBe(60_000);
  });

  test('that wants to be left alone for longer is left alone', async () => {
    server.routes['/a'] = { status: 429, headers: { 'retry-after': '61' } };
    expect(await failureOf(fetchAt('/a'))).toMatchObject({ kind: 'RATE_LIMITED', retryAfterSeconds: 61 });
    expect([pagesAsked().length, reading.pauses]).toEqual([1, []]);
    server.routes['/b'] = { status: 429 };
    expect(await failureOf(fetchAt('/b'))).toMatchObject({ kind: 'RATE_LIMITED', retryAfterSeconds: null });
    expect(reading.pauses).toEqual([500, 2000, 8000]);
  });

  test('that breaks off in the middle of a body is asked again', async () => {
    server.routes['/a'] = inTurn((_request, response) => {
      response.writeHead(200, { ...html, 'content-length': '100' }).write('<p>Hel');
      setTimeout(() => response.destroy(), 20);
    }, page);
    expect(textOf(await fetchAt('/a'))).toBe('<p>Hello');
    server.routes['/b'] = (_request, response) => {
      response.writeHead(200, html).write('<p>Hel');
      setTimeout(() => response.destroy(), 20);
    };
    expect(await failureOf(fetchAt('/b'))).toMatchObject({ kind: 'UNAVAILABLE' });
  });

  test('that is not there is told by the code of the fault', async () => {
    const url = server.url('/a');
    server.stop();
    const failure = await failureOf(reading.fetch({ url }, { id: url }));
    expect(failure).toMatchObject({ kind: 'UNAVAILABLE', message: expect.stringContaining('ECONNREFUSED') });
  });

  test.each(['identity', 'gzip'])('that sends without end (%s) is stopped at 10 MB', async (encoding) => {
    let sent = 0;
    let closed: () => void = () => undefined;
    const broken = new Promise<void>((resolve) => (closed = resolve));
    const chunk = Buffer.alloc(1_000_000, 'a');
    // 200 MB in 200 kB.
    const packed = gzipSync(Buffer.concat(Array.from({ length: 200 }, () => chunk)));
    server.routes['/a'] = (_request, response) => {
      response.writeHead(200, encoding === 'gzip' ? { ...html, 'content-encoding': encoding } : html);
      if (encoding === 'gzip') response.write(packed);
      const more = (): void => {
        while (!response.destroyed && response.write(chunk)) sent += chunk.length;
        response.once('drain', more);
      };
      if (encoding === 'identity') more();
      response.on('close', closed);
    };
    const before = process.memoryUsage().arrayBuffers;
    expect(await failureOf(fetchAt('/a'))).toMatchObject({
      kind: 'REFUSED',
      message: expect.stringContaining('10 MB'),
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(60_000_000);
    await broken;
    expect(sent).toBeLessThan(30_000_000);
    expect(pagesAsked()).toHaveLength(1);
  });

  test('is followed to other addresses five times', async () => {
    for (let step = 0; step < 6; step += 1)
      server.routes[`/${step}`] = { status: 302, headers: { location: `/${step + 1}` } };
    server.routes['/6'] = page;
    expect(textOf(await fetchAt('/1'))).toBe('<p>Hello');
    expect(await failureOf(fetchAt('/0'))).toMatchObject({ kind: 'INVALID' });
    server.routes['/nowhere'] = { status: 301 };
    expect(await failureOf(fetchAt('/nowhere'))).toMatchObject({ kind: 'INVALID' });
    server.routes['/file'] = { status: 301, headers: { location: 'file:///etc/passwd' } };
    expect(await failureOf(fetchAt('/file'))).toMatchObject({ kind: 'REFUSED' });
  });

  test('on this machine is refused unless the settings allow it', async () => {
    const outbound = openOutbound({ allowPrivateAddresses: false });
    const source = { ...reading.source(at('/a')), outbound };
    const item = { id: server.url('/a'), title: null, uri: null, version: null };
    expect(await failureOf(reading.connector.fetch(source, item, null))).toMatchObject({ kind: 'REFUSED' });
    expect(server.requests).toHaveLength(0);
    await outbound.close();
  });
});

describe('who breaks off', () => {
  const broken = new Error('The run was cancelled.');

  test.each([
    ['an answer is awaited', '/silent'],
    ['a body is coming', '/endless'],
    ['a pause is made', '/faulty'],
  ])('is obeyed at once while %s', async (_when, path) => {
    server.routes = {
      '/silent': () => undefined,
      '/endless': (_request, response) => response.writeHead(200, html).write('<p>'),
      '/faulty': { status: 429, headers: { 'retry-after': '50' } },
    };
    const controller = new AbortController();
    const source = reading.source(at(path), controller.signal);
    const item = { id: server.url(path), title: null, uri: null, version: null };
    const began = performance.now();
    const outcome = webPageConnector(realPause).fetch(source, item, null);
    setTimeout(() => controller.abort(broken), 100);
    await expect(outcome).rejects.toBe(broken);
    expect(performance.now() - began).toBeLessThan(5000);
    await sleep(20);
    expect(pagesAsked()).toHaveLength(1);
  });
});

describe('robots.txt', () => {
  const robots = (...lines: readonly string[]) => lines.join('\n');

  test('is asked once and obeyed, also behind a redirect', async () => {
    server.routes = {
      '/robots.txt': robots('User-agent: *', 'Disallow: /', '', 'User-agent: tessera', 'Disallow: /private/'),
      '/a': page,
      '/private/a': page,
      '/to-private': { status: 302, headers: { location: '/private/a' } },
    };
    expect(textOf(await fetchAt('/a'))).toBe('<p>Hello');
    expect(await failureOf(fetchAt('/private/a'))).toMatchObject({ kind: 'REFUSED' });
    expect(await failureOf(fetchAt('/to-private'))).toMatchObject({ kind: 'REFUSED' });
    expect(server.paths).toEqual(['/robots.txt', '/a', '/to-private']);
  });

  test.each([401, 403, 404, 410])('that is %d forbids nothing', async (status) => {
    server.routes = { '/robots.txt': { status }, '/a': page };
    expect(textOf(await fetchAt('/a'))).toBe('<p>Hello');
  });

  test('that cannot be had for now forbids everything for now', async () => {
    server.routes = { '/robots.txt': { status: 500 }, '/a': page };
    expect(await failureOf(fetchAt('/a'))).toMatchObject({ kind: 'UNAVAILABLE' });
    expect(pagesAsked()).toEqual([]);
    server.routes['/robots.txt'] = robots('User-agent: *', 'Allow: /');
    expect(textOf(await fetchAt('/a'))).toBe('<p>Hello');
  });

  test('may ask for pauses, of which 10 s are made', async () => {
    server.routes = { '/robots.txt': robots('User-agent: *', 'Crawl-delay: 3600'), '/a': page };
    await fetchAt('/a');
    expect(reading.pauses).toEqual([]);
    await fetchAt('/a');
    expect(reading.pauses).toHaveLength(1);
    expect(reading.pauses[0]).toBeGreaterThan(9000);
    expect(reading.pauses[0]).toBeLessThanOrEqual(10_000);
  });

  test('speaks to Tessera by name or to everybody, and rules for others do not count', async () => {
    const others = Array.from({ length: 50 }, (_, index) => `User-agent: bot${index}\nDisallow: /*${'x'.repeat(1000)}`);
    server.routes = {
      '/robots.txt': robots(
        'User-agent: bot # a comment',
        'User-agent: Tessera/2',
        'User-agent: bot',
        'Disallow: /both/',
        ...others,
        'User-agent: bot',
        'Disallow: /a',
      ),
      '/a': page,
    };
    expect(textOf(await fetchAt('/a'))).toBe('<p>Hello');
    expect(await failureOf(fetchAt('/both/a'))).toMatchObject({ kind: 'REFUSED' });
  });

  test('of great length is read to 500 kB, and neither fills the memory nor takes long', async () => {
    const names = Array.from({ length: 12_000 }, () => 'User-agent: tessera');
    const rules = Array.from({ length: 12_000 }, (_, index) => `Disallow: /${index}`);
    server.routes = {
      '/robots.txt': robots(...names, 'Disallow: /private/', ...rules, 'x'.repeat(1_000_000)),
      '/a': page,
      '/private/a': page,
    };
    const began = performance.now();
    expect(textOf(await fetchAt('/a'))).toBe('<p>Hello');
    expect(await failureOf(fetchAt('/private/a'))).toMatchObject({ kind: 'REFUSED' });
    expect(performance.now() - began).toBeLessThan(8000);
  });

  test('with patterns that would take long to compare lets nothing be read', async () => {
    const slow = Array.from({ length: 300 }, () => `Disallow: /*${'a'.repeat(1000)}b`);
    server.routes = { '/robots.txt': robots('User-agent: *', ...slow), '/a': page };
    const began = performance.now();
    expect(await failureOf(fetchAt(`/${'a'.repeat(900)}`))).toMatchObject({
      kind: 'REFUSED',
      message: expect.stringContaining('too many rules'),
    });
    expect(performance.now() - began).toBeLessThan(5000);
  });
});
