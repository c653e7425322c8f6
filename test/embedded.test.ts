import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

/** A server in a process of its own. */
interface Server {
  readonly process: ChildProcess;
  readonly said: () => string;
  readonly url: string;
}

let directory: string;
const running = new Set<ChildProcess>();
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tessera-start-'));
});
afterEach(async () => {
  await Promise.all([...running].map((child) => end(child, 'SIGKILL')));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
};

type Command = readonly [string, ...string[]];
const byNode: Command = [process.execPath, '--disable-warning=ExperimentalWarning', 'src/main.ts'];
const byNpm: Command = ['npm', 'start'];

const launch = async (
  data: string,
  environment: Record<string, string> = {},
  [program, ...programArguments] = byNode,
): Promise<Server> => {
  const port = await freePort();
  const child = spawn(program, programArguments, {
    env: {
      PATH: process.env.PATH,
      NODE_ENV: 'development',
      LOG_LEVEL: 'error',
      TESSERA_DATA_DIR: join(directory, data),
      PORT: String(port),
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return { process: child, said: () => said, url: `http://127.0.0.1:${port}` };
};

const end = async (child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> => {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }
  // What it started may outlive it and hold the other ends.
  child.stdout?.destroy();
  child.stderr?.destroy();
  running.delete(child);
  return child.exitCode;
};

/** Starts and waits until the server has said where it answers. */
const start = async (data: string, environment?: Record<string, string>, command?: Command): Promise<Server> => {
  const server = await launch(data, environment, command);
  while (!server.said().includes('Tessera answers at')) {
    if (server.process.exitCode !== null) throw new Error(`The server ended: ${server.said()}`);
    await pause(20);
  }
  return server;
};

const ask = async ({ url }: Server, query: string, token?: string): Promise<Record<string, never>> => {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      connection: 'close',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query }),
  });
  const { data, errors } = (await response.json()) as { data: Record<string, never>; errors?: unknown };
  if (errors !== undefined) throw new Error(JSON.stringify(errors));
  return data;
};
const signIn = async (server: Server, password = 'ChangeMe123!', name = 'admin'): Promise<string> => {
  const query = `mutation { signIn(input: { email: "${name}@example.com", password: "${password}" }) { token } }`;
  return ((await ask(server, query)) as unknown as { signIn: { token: string } }).signIn.token;
};
const makeWorkspace = (server: Server, token: string, name: string) =>
  ask(server, `mutation { createWorkspace(input: { name: "${name}" }) { workspace { id } } }`, token);
const workspaces = async (server: Server, token: string): Promise<string[]> => {
  const data = await ask(server, '{ workspaces(first: 100) { edges { node { name } } } }', token);
  return (data as unknown as { workspaces: { edges: { node: { name: string } }[] } }).workspaces.edges.map(
    ({ node }) => node.name,
  );
};

/** The same numbers in each run (mulberry32). */
const seeded = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
};

test('the way `npm start` loads modules, Drizzle costs no memory to speak of', async () => {
  const probe = `await import('drizzle-orm/pg-core'); console.log(process.memoryUsage().heapTotal / 1e6)`;
  const command = ['--import', './src/module-format.ts', '--input-type=module', '--eval', probe];
  const { stdout } = await promisify(execFile)(process.execPath, command);
  expect(Number(stdout)).toBeLessThan(50);
});

const onEmbedded = process.env.TEST_POSTGRES_URL === undefined ? describe : describe.skip;

onEmbedded('a start on the embedded database', () => {
  test('answers, keeps the directory to itself, ends on SIGTERM and keeps its data', async () => {
    const first = await start('plain');
    const token = await signIn(first);
    await makeWorkspace(first, token, 'Kept');
    const second = await launch('plain');
    await once(second.process, 'exit');
    expect(second.process.exitCode).toBe(1);
    expect(second.said()).toContain('is in use by another Tessera process');
    expect(second.said()).not.toContain('    at ');
    expect(await end(first.process, 'SIGTERM')).toBe(0);
    const third = await start('plain');
    expect(await workspaces(third, token)).toContain('Kept');
    expect(await end(third.process, 'SIGTERM')).toBe(0);
  }, 40_000);

  test('ends when the npm that started it is told to', async () => {
    const server = await start('plain', {}, byNpm);
    expect(await end(server.process, 'SIGTERM')).toBe(0);
    await expect(ask(server, '{ __typename }')).rejects.toThrow('fetch failed');
  }, 40_000);

  test('survives being killed at any moment, the first start included', async () => {
    const random = seeded(42);
    for (let round = 0; round < 3; round++) {
      const { process: child } = await launch('killed');
      await pause(random() * 2500);
      await end(child, 'SIGKILL');
    }
    const acknowledged: string[] = [];
    for (let round = 0; round < 2; round++) {
      const server = await start('killed');
      const token = await signIn(server);
      const writing = (async () => {
        for (let at = 0; ; at++) {
          await makeWorkspace(server, token, `${round}-${at}`);
          acknowledged.push(`${round}-${at}`);
        }
      })().catch(() => undefined);
      await pause(100 + random() * 500);
      await end(server.process, 'SIGKILL');
      await writing;
    }
    expect(acknowledged.length).toBeGreaterThan(0);
    const last = await start('killed');
    expect(await workspaces(last, await signIn(last))).toEqual(expect.arrayContaining(acknowledged.slice(-90)));
  }, 60_000);

  test('shows a random password once in production', async () => {
    const first = await start('production', { NODE_ENV: 'production' });
    await pause(100);
    const [, password] = /with the password (\S+) - it is shown only now/.exec(first.said()) ?? [];
    expect(password).toMatch(/^[A-Za-z0-9_-]{24}$/);
    expect(first.said()).toContain('Warning: this is the embedded database');
    expect(await signIn(first, password)).toEqual(expect.any(String));
    await expect(signIn(first)).rejects.toThrow();
    // There is nobody whose password is known, nor anybody else who has the admin's.
    for (const known of ['ChangeMe123!', password])
      await expect(signIn(first, known, 'editor')).rejects.toThrow('UNAUTHENTICATED');
    await end(first.process, 'SIGTERM');
    const second = await start('production', { NODE_ENV: 'production' });
    await pause(100);
    expect(second.said()).not.toMatch(/password/);
    expect(await signIn(second, password)).toEqual(expect.any(String));
    await end(second.process, 'SIGTERM');
  }, 40_000);
});
