import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from '@jest/globals';
import { chromium, type BrowserContext } from 'playwright-core';

/** Debian's package; CI installs it. */
const executablePath = '/usr/bin/chromium';

if (process.env.CI === 'true' && !existsSync(executablePath))
  throw new Error(`There is no ${executablePath}; .ci/install-chromium installs it.`);

/** `npm test` also has to pass where no browser is installed; CI has one, and fails without. */
export const whereChromiumIs = existsSync(executablePath) ? describe : describe.skip;

/** A browser without a history, that asks nobody but those it is sent to. */
export const startBrowser = async (): Promise<{ context: BrowserContext; stop: () => Promise<void> }> => {
  const profile = await mkdtemp(join(tmpdir(), 'tessera-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    viewport: { width: 1280, height: 800 },
    locale: 'en-GB',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  return {
    context,
    stop: async () => {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
};

/** A web site of an origin of its own, with one page and the headers given. */
export const startSite = async (): Promise<{
  origin: string;
  show: (html: string, headers?: Record<string, string>) => void;
  stop: () => Promise<void>;
}> => {
  let page = { html: '', headers: {} };
  const server = createServer((request, response) => {
    const found = request.url === '/';
    response.writeHead(found ? 200 : 404, { 'content-type': 'text/html; charset=utf-8', ...page.headers });
    response.end(found ? page.html : '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    show: (html, headers = {}) => void (page = { html, headers }),
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
    },
  };
};
