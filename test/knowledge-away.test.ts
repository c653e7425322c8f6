import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import postgres from 'postgres';
import { openInstallation } from '../src/installation.ts';
import { conversationIn, workspaceOf } from './talk.ts';
import { startTestbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

const superuserUrl = process.env.TEST_POSTGRES_URL ?? '';
const onPostgres = superuserUrl === '' ? describe.skip : describe;

onPostgres('while the database of the knowledge bank is away', () => {
  let bed: Awaited<ReturnType<typeof startTestbed>>;
  let ada: Awaited<ReturnType<typeof bed.signUp>>;
  let admin: postgres.Sql;
  const create = `mutation ($input: CreateKnowledgeEntryInput!) { createKnowledgeEntry(input: $input) { entry { id title } } }`;
  const entry = {
    title: 'Opening hours',
    content: 'The quarry opens at seven.',
    category: 'General',
    publish: true,
  };
  const ask = `mutation ($input: AskInput!) { ask(input: $input) { answer { status content citations { quote document { title }
    knowledgeEntry { title } } } } }`;

  /** Lets nobody into the bank's database, or everybody again. */
  const away = async (isAway: boolean): Promise<void> => {
    const name = bed.database?.knowledge?.name ?? '';
    await admin.unsafe(`alter database ${name} with allow_connections ${!isAway}`);
    if (isAway) await admin.unsafe(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`);
  };

  beforeAll(async () => {
    bed = await startTestbed(
      { DATABASE_CONNECT_TIMEOUT_SECONDS: '2', DATABASE_ACQUIRE_TIMEOUT_SECONDS: '3' },
      undefined,
      'apart',
    );
    admin = postgres(superuserUrl, { max: 1, onnotice: () => undefined });
    ada = await bed.signUp();
  }, 60_000);
  afterAll(async () => {
    await away(false);
    await admin.end();
    await bed.stop();
  });

  test('what is asked of the bank is UNAVAILABLE, all else is answered, and it comes back by itself', async () => {
    const workspaceId = await workspaceOf(ada);
    await ada.want('mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }', {
      input: { workspaceId, title: 'Handbook', text: 'Helmets are worn in the quarry at all times.', wait: true },
    });
    const { createKnowledgeEntry }: Data = await ada.want(create, { input: entry });
    const { id } = createKnowledgeEntry.entry;
    const conversationId = await conversationIn(ada, workspaceId);

    await away(true);
    expect(await ada.codes('{ knowledgeEntries { edges { node { id } } } }')).toEqual(['UNAVAILABLE']);
    expect(await ada.codes('query ($id: ID!) { node(id: $id) { id } }', { id })).toEqual(['UNAVAILABLE']);
    expect(await ada.codes(create, { input: entry })).toEqual(['UNAVAILABLE']);
    const both: Data = await ada.ask(
      '{ viewer { role } workspaces { edges { node { name documents { totalCount } } } } orders { totalCount } }',
    );
    expect(both.errors).toEqual([]);
    const answered: Data = await ada.want(ask, { input: { conversationId, text: 'When are helmets worn?' } });
    expect(answered.ask.answer).toMatchObject({
      status: 'COMPLETED',
      citations: [{ document: { title: 'Handbook' }, knowledgeEntry: null }],
    });
    const health = await fetch(new URL('/health/ready', bed.url));
    expect(health.status).toBe(200);

    await away(false);
    const back: Data = await ada.want('{ knowledgeEntries { edges { node { title } } } }');
    expect(back.knowledgeEntries.edges).toEqual([{ node: { title: 'Opening hours' } }]);
    const cited: Data = await ada.want(ask, { input: { conversationId, text: 'When does the quarry open?' } });
    expect(cited.ask.answer.citations).toEqual(
      expect.arrayContaining([expect.objectContaining({ knowledgeEntry: { title: 'Opening hours' } })]),
    );
  }, 60_000);

  test('a server starts without it', async () => {
    await away(true);
    const { settings } = bed.server.installation.services;
    const second = await openInstallation(settings, pino({ level: 'silent' }));
    await second.close(0);
    await away(false);
  }, 30_000);
});
