import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createTesseraDatabase, type TesseraDatabase } from '../scripts/tessera-database.ts';
import {
  dataDirectory,
  startTessera,
  startWorker,
  testEncryptionKey,
  type StartedProcess,
  type TesseraProcess,
} from '../scripts/tessera-process.ts';
import { startRealRedis, whereRedisAndPostgresAre } from './neighbours.ts';
import { act, channelOf, listen, sent, until } from './room-talk.ts';
import { workspaceOf } from './talk.ts';
import { Person, type Testbed } from './testbed.ts';

const password = 'correct horse battery';

/** Somebody who talks to one of the servers. */
const at = ({ url }: TesseraProcess, token: string | null = null): Person =>
  // The cast is safe: a person asks of a testbed where it is and what it was told of statements.
  new Person({ url, statements: [] as string[] } as unknown as Testbed, token);

const signedUp = async (server: TesseraProcess, name: string): Promise<{ email: string; token: string }> => {
  const email = `${name}-${randomUUID()}@example.com`;
  const { signUp }: { signUp: { token: string } } = await at(server).want(
    'mutation ($input: SignUpInput!) { signUp(input: $input) { token } }',
    { input: { email, password, name, organizationName: `${name}'s` } },
  );
  return { email, token: signUp.token };
};

whereRedisAndPostgresAre('two servers and a worker', () => {
  describe.each(['Postgres', 'Redis'] as const)('with %s between them', (carrier) => {
    let database: TesseraDatabase;
    let environment: Record<string, string>;
    const stack = new AsyncDisposableStack();
    let [one, other]: TesseraProcess[] = [];
    let worker: StartedProcess;

    beforeAll(async () => {
      database = await createTesseraDatabase(
        process.env.TEST_POSTGRES_URL ?? '',
        `several_${randomUUID().replaceAll('-', '')}`,
      );
      stack.defer(() => database.drop());
      const files = await dataDirectory();
      stack.defer(() => files.remove());
      const redis = carrier === 'Redis' ? await startRealRedis() : undefined;
      stack.defer(() => redis?.stop());
      environment = {
        NODE_ENV: 'production',
        DATABASE_URL: database.url,
        DATABASE_POOL_SIZE: '5',
        ENCRYPTION_KEYS: testEncryptionKey,
        TESSERA_DATA_DIR: files.path,
        SCHEDULES: 'off',
        LOG_LEVEL: 'warn',
        ...(redis && { REDIS_URL: redis.url }),
      };
      const server = () => startTessera({ ...environment, WORKERS: 'off' });
      [one, other, worker] = await Promise.all([server(), server(), startWorker(environment)]);
      for (const each of [one, other, worker]) stack.defer(async () => void (await each.stop('SIGKILL')));
    }, 120_000);
    afterAll(() => stack.disposeAsync(), 60_000);

    /** Those that `beforeAll` has started. */
    const servers = (): readonly [TesseraProcess, TesseraProcess] => {
      if (one === undefined || other === undefined) throw new Error('The servers did not start.');
      return [one, other];
    };

    test('what happens at one is heard at the other, also what stands in no table, and jobs are done by the worker', async () => {
      const [here, there] = servers();
      const { token } = await signedUp(here, 'ada');
      const room = await channelOf(at(here, token));
      const listener = await listen(at(there, token), [room]);
      const id = await sent(at(here, token), room, 'Hello');
      await until(() => listener.heard.length > 0);
      expect(listener.heard[0]).toMatchObject({ __typename: 'RoomMessageSent', message: { id, content: 'Hello' } });
      await listener.stop();
      const workspaceId = await workspaceOf(at(here, token));
      const input = { workspaceId, title: 'Roses', text: 'Roses need light.', wait: true };
      // Neither server works on jobs, and the word that it is done comes from a third process.
      expect(await act(at(here, token), 'addDocument', input, 'document { status }')).toEqual({
        document: { status: 'READY' },
      });
    });

    test('what was revoked at one is refused at the other within a moment', async () => {
      const [here, there] = servers();
      const { token } = await signedUp(here, 'ada');
      const query = '{ viewer { user { name } } }';
      expect(await at(there, token).codes(query)).toEqual([]);
      await at(here, token).want('mutation { signOut { __typename } }');
      let codes: unknown[] = [];
      for (let tries = 0; tries < 20 && codes.length === 0; tries += 1) {
        await pause(25);
        codes = await at(there, token).codes(query);
      }
      expect(codes).toEqual(['UNAUTHENTICATED']);
    });

    test('what is set at one holds at the other within a moment, though each keeps it in mind', async () => {
      const [here, there] = servers();
      const { token } = await signedUp(here, 'ada');
      const workspaceId = await workspaceOf(at(here, token));
      const rendered = async (server: TesseraProcess): Promise<string> => {
        const data: { renderSystemPrompt: { text: string } } = await at(server, token).want(
          'query ($id: ID!) { renderSystemPrompt(workspaceId: $id) { text } }',
          { id: workspaceId },
        );
        return data.renderSystemPrompt.text;
      };
      expect([await rendered(here), await rendered(there)]).toEqual(['', '']);
      const began = performance.now();
      const input = { scope: 'ORGANIZATION', key: 'chat.default_system_prompt', value: 'Be brief.' };
      await act(at(here, token), 'setSetting', input, 'setting { value }');
      expect(await rendered(here)).toBe('Be brief.');
      for (let tries = 0; tries < 40 && (await rendered(there)) === ''; tries += 1) await pause(25);
      expect(await rendered(there)).toBe('Be brief.');
      // Without a word between them it would be kept for 4 seconds at least.
      expect(performance.now() - began).toBeLessThan(3500);
    });

    test('tries to sign in are counted together', async () => {
      const [here, there] = servers();
      const { email } = await signedUp(here, 'ada');
      const wrong = `mutation { signIn(input: { email: "${email}", password: "wrong" }) { token } }`;
      const codes: unknown[] = [];
      for (let tries = 0; tries < 6; tries += 1)
        for (const server of [here, there]) codes.push(...(await at(server).codes(wrong)));
      expect(codes.filter((code) => code === 'UNAUTHENTICATED')).toHaveLength(10);
      expect(codes.filter((code) => code === 'RATE_LIMITED')).toHaveLength(2);
    });

    test('the death of one under load is noticed by no client of the other, and its jobs are done', async () => {
      const [here, there] = servers();
      const { token } = await signedUp(here, 'ada');
      const room = await channelOf(at(here, token));
      const workspaceId = await workspaceOf(at(here, token));
      const listener = await listen(at(here, token), [room]);
      const written: { readonly id: string; readonly where: string; readonly at: number }[] = [];
      const failures = { here: 0, there: 0 };
      const load = { on: true };
      const speak = async (server: TesseraProcess, where: 'here' | 'there') => {
        for (let number = 0; load.on; number += 1) {
          const content = `${where} ${number}`;
          const id = await sent(at(server, token), room, content).catch(() => undefined);
          if (id === undefined) failures[where] += 1;
          else written.push({ id, where, at: Date.now() });
          if (id === undefined && where === 'there') return;
        }
      };
      const talking = [here, here, there, there].map((server) => speak(server, server === here ? 'here' : 'there'));
      const document = { workspaceId, title: 'Moss', text: 'Moss needs shade.' };
      await pause(500);
      // Asked for by the one that dies at once.
      const added: { document: { id: string } } = await act(
        at(there, token),
        'addDocument',
        document,
        'document { id }',
      );
      const killedAt = Date.now();
      await there.stop('SIGKILL');
      await pause(1500);
      load.on = false;
      await Promise.all(talking);
      expect(failures).toEqual({ here: 0, there: 2 });
      expect(listener.isOver()).toBe(false);
      const idsHeard = () => listener.heard.map(({ message }: { message?: { id: string } }) => message?.id);
      // What the dead one had answered a moment before may not have left it; what it wrote without an answer may be heard.
      const told = written.filter(({ where, at }) => where === 'here' || at < killedAt - 500).map(({ id }) => id);
      await until(() => told.every((id) => idsHeard().includes(id)));
      // Nothing else that was answered is missing, and nothing came twice.
      expect(told.filter((id) => !idsHeard().includes(id))).toEqual([]);
      expect(new Set(idsHeard()).size).toBe(idsHeard().length);
      expect(told.length).toBeGreaterThan(20);
      const statusOf = async () => {
        const read: { document: { status: string } } = await at(here, token).want(
          'query ($id: ID!) { document(id: $id) { status } }',
          { id: added.document.id },
        );
        return read.document.status;
      };
      for (let tries = 0; tries < 100 && (await statusOf()) !== 'READY'; tries += 1) await pause(100);
      expect(await statusOf()).toBe('READY');
      await listener.stop();
    }, 60_000);
  });
});
