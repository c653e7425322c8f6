import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { inScope, openLog } from '../src/telemetry/log.ts';
import { workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

type Line = Record<string, never> & { msg: string };

const lines: Line[] = [];
const logged = (line: string) => void lines.push(JSON.parse(line) as Line);

let bed: Testbed;
beforeAll(async () => {
  bed = await startTestbed({ LOG_LEVEL: 'info', SLOW_OPERATION_MS: '0.001' }, logged);
});
afterAll(() => bed.stop());

/** What is logged of some fields, in a log of its own. */
const told = (fields: object, message = 'Something happened.'): { line: string; fields: Record<string, unknown> } => {
  let line = '';
  openLog('info', { write: (written) => void (line = written) }).info(fields, message);
  return { line, fields: JSON.parse(line) as Record<string, unknown> };
};

test('secrets are left out by their names, at any depth', () => {
  const secret = 'not-to-be-seen';
  const names = ['authorization', 'Authorization', 'cookie', 'set-cookie', 'password', 'newPassword', 'passwordHash'];
  const more = ['token', 'accessToken', 'refresh_token', 'apiKey', 'api_key', 'x-api-key', 'S3_SECRET_ACCESS_KEY'];
  const rest = [
    'secret',
    'clientSecret',
    'privateKey',
    'encryptedKey',
    'keys',
    'recoveryCodes',
    'totp',
    'credentials',
    'parameters',
  ];
  for (const name of [...names, ...more, ...rest]) {
    for (const fields of [
      { [name]: secret },
      { a: { b: [{ c: { d: { [name]: secret } } }] } },
      { [name]: [secret] },
      { [name]: { inner: secret } },
      { err: Object.assign(new Error('no'), { [name]: secret }) },
      { err: new Error('no', { cause: Object.assign(new Error('why'), { [name]: secret }) }) },
    ]) {
      const { line } = told(fields);
      expect([name, line.includes(secret)]).toEqual([name, false]);
    }
    expect(told({ [name]: secret }).fields[name]).toBe('[redacted]');
  }
  const harmless = {
    tokens: 12,
    inputTokens: 3,
    keyId: 'k',
    providerKeyId: 'p',
    monkey: 'm',
    kind: 'x',
    at: [1, null],
  };
  expect(told(harmless).fields).toMatchObject(harmless);
});

test('secrets are left out by their form, wherever they stand, also in messages and stacks', () => {
  const secrets = [
    `tsr_session_${'A1b2C3d4'.repeat(6)}9`,
    'Bearer abc.def-ghi',
    'Basic dXNlcjpwYXNz',
    'sk-proj-abcdefghijklmnop1234',
  ];
  for (const secret of secrets) {
    const [, word = secret] = secret.split(' ');
    for (const { line } of [
      told({}, `It said ${secret} and left.`),
      told({ note: `"${secret}"` }),
      told({ err: new Error(`What is ${secret}?`) }),
    ]) {
      expect(line).not.toContain(word);
      expect(line).toContain('[redacted]');
    }
  }
  const { fields } = told(
    { url: 'redis://user:hidden@cache.example:6379/1' },
    'postgres://app:hidden@db.example/tessera',
  );
  expect(fields).toMatchObject({
    url: 'redis://user:[redacted]@cache.example:6379/1',
    msg: 'postgres://app:[redacted]@db.example/tessera',
  });
});

test('each line of a request says whose it is, also behind a wait and beside others', async () => {
  const seen: Line[] = [];
  const log = openLog('info', { write: (line) => void seen.push(JSON.parse(line) as Line) });
  const request = (name: string) =>
    inScope({ requestId: name, traceId: `trace ${name}` }, async () => {
      log.info('first');
      await new Promise((resolve) => setTimeout(resolve, 5));
      log.info('second');
    });
  await Promise.all([request('a'), request('b')]);
  log.info('nobody');
  expect(seen.map(({ requestId, traceId, msg }) => [requestId, traceId, msg])).toEqual([
    ['a', 'trace a', 'first'],
    ['b', 'trace b', 'first'],
    ['a', 'trace a', 'second'],
    ['b', 'trace b', 'second'],
    [undefined, undefined, 'nobody'],
  ]);
});

/** The lines of the operation of that name. */
const slow = (name: string): Line[] =>
  lines.filter((line) => (line['operation'] as { name?: string } | undefined)?.name === name);

test('a slow operation is logged with its levels and statements, its request and its trace, and no value of a variable', async () => {
  const ada = await bed.signUp();
  const workspaceId = await workspaceOf(ada, { name: 'Garden' });
  const query = `query Slow($id: ID!) { workspace(id: $id) { name documents(first: 5) { totalCount edges { node { id } } } } }`;
  const made = 'mutation Made($input: CreateWorkspaceInput!) { createWorkspace(input: $input) { workspace { id } } }';
  await ada.want(made, { input: { name: 'A secret rose' } });
  const response = await fetch(`${bed.url}/graphql`, {
    method: 'POST',
    headers: {
      ...ada.headers,
      'content-type': 'application/json',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    },
    body: JSON.stringify({ query, variables: { id: workspaceId } }),
  });
  await response.json();
  const [line] = slow('Slow');
  expect(line).toMatchObject({
    level: 40,
    requestId: response.headers.get('x-request-id'),
    traceId: '0af7651916cd43dd8448eb211c80319c',
    operation: { type: 'query', name: 'Slow', fields: ['workspace'] },
    msg: 'An operation was slow.',
  });
  expect(line).toMatchObject({ statements: 3 });
  const levels = (line?.['levels'] ?? []) as { path: string; calls: number; statements: number; durationMs: number }[];
  expect(levels.map(({ path, calls, statements }) => [path, calls, statements])).toEqual([
    ['workspace', 1, 1],
    ['workspace.documents', 1, 1],
    ['workspace.documents.totalCount', 1, 1],
  ]);
  expect(JSON.stringify(line)).not.toContain(workspaceId);
  const [mutation] = slow('Made');
  expect(mutation).toMatchObject({ operation: { type: 'mutation', fields: ['createWorkspace'] }, code: 'OK' });
  expect(JSON.stringify(lines)).not.toContain('secret rose');
});

test('without a caller’s trace a request has one of its own, over sockets too', async () => {
  const ada = await bed.signUp();
  await ada.want('query Alone { viewer { user { name } } }');
  const [line] = slow('Alone');
  expect(String(line?.['traceId'])).toBe(String(line?.['requestId']).replaceAll('-', ''));
  const { results, stop } = ada.subscribe('query OnSocket { viewer { user { name } } }');
  await results.next();
  await stop();
  const [socketLine] = slow('OnSocket');
  expect(String(socketLine?.['traceId'])).toBe(String(socketLine?.['requestId']).replaceAll('-', ''));
  expect(String(socketLine?.['traceId'])).toMatch(/^[0-9a-f]{32}$/);
});

test('no line of all that a server says holds a password or a token', async () => {
  const ada = await bed.signUp();
  await ada.codes(
    'mutation { signIn(input: { email: "nobody@example.com", password: "correct horse battery" }) { token } }',
  );
  expect(lines.length).toBeGreaterThan(3);
  const all = JSON.stringify(lines);
  expect(all).not.toContain('correct horse battery');
  expect(all).not.toContain(ada.token ?? '');
  expect(all).not.toMatch(/tsr_[a-z_]+_[0-9A-Za-z]{20}/);
});
