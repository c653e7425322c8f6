import { globSync, readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { and, eq, sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { nowhere, wholeOf } from '../src/database/unit-of-work.ts';
import { datasources } from '../src/domains/content/datasource-tables.ts';
import { users } from '../src/domains/identity/tables.ts';
import { apiConfigurations } from '../src/domains/modelhub/api-tables.ts';
import { providerKeys } from '../src/domains/modelhub/tables.ts';
import { idempotencyKeys } from '../src/domains/platform/idempotency-tables.ts';
import { encryptedColumns, type EncryptedColumn } from '../src/domains/platform/encrypted-columns.ts';
import { renewEncryption } from '../src/domains/platform/reencryption.ts';
import {
  organizationSettingValues,
  systemSettingValues,
  workspaceSettingValues,
} from '../src/domains/tenancy/setting-tables.ts';
import { webhookSubscriptions } from '../src/domains/platform/webhook-tables.ts';
import { openKeyRing, type KeyRing } from '../src/secrets/encryption.ts';
import { mutate } from './account.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { conversationIn, modelFor, promote, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

const keys = { old: randomBytes(32), new: randomBytes(32) };
const ring = (current: string, ...former: ('old' | 'new')[]): KeyRing =>
  openKeyRing({ keys: Object.fromEntries([current, ...former].map((name) => [name, keys[name as 'old']])), current });
const [oldAlone, both, newAlone] = [ring('old'), ring('new', 'old'), ring('new')];

let bed: Testbed;
let server: OpenAiServer;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let conversationId: string;
const lines: string[] = [];

/** What the process encrypts with from now on. */
const hold = (keyRing: KeyRing) => Object.assign(bed.server.installation.services, { keyRing });
const services = () => bed.server.installation.services;
const run = () => renewEncryption(services(), new AbortController().signal);
/** A unit that sees everything of a column's holder. */
const unitFor = (holder: EncryptedColumn['holder']) =>
  unitOf(bed, null).as(
    {
      INSTALLATION: nowhere,
      PERSON: { ...nowhere, userId: uuidOf(ada.userId) },
      ORGANIZATION: wholeOf(uuidOf(ada.organizationId)),
    }[holder],
  );
const valuesOf = async ({ table, column, holder }: EncryptedColumn): Promise<string[]> => {
  const unit = unitFor(holder);
  const name = sql.identifier(column);
  const rows = await unit.run(() =>
    database.execute<{ value: string }>(
      sql`select ${name} as value from ${sql.identifier(table)} where ${name} is not null`,
    ),
  );
  await unit.rest();
  return rows.map(({ value }) => value);
};
/** Whether the product can use what is stored: each value is decrypted, and a question is answered with the key. */
const readable = async (): Promise<void> => {
  for (const column of encryptedColumns) {
    const values = await valuesOf(column);
    expect([column.table, values.length > 0]).toEqual([column.table, true]);
    await Promise.all(values.map((value) => services().keyRing.decrypt(value)));
  }
  expect(
    await ada.want('mutation ($input: AskInput!) { ask(input: $input) { answer { status } } }', {
      input: { conversationId, text: 'Roses?' },
    }),
  ).toEqual({ ask: { answer: { status: 'COMPLETED' } } });
  expect(server.seen.at(-1)?.authorization).toBe('Bearer sk-test-12345678');
};
const keyNames = async (): Promise<string[]> => {
  const values = await Promise.all(encryptedColumns.map(valuesOf));
  return [...new Set(values.flat().map((value) => both.nameOf(value)))];
};

beforeAll(async () => {
  [bed, server] = await Promise.all([
    startTestbed({ LOG_LEVEL: 'info' }, (line) => lines.push(line)),
    startOpenAiServer(),
  ]);
  ada = await bed.signUp();
  await promote(bed, ada);
  hold(oldAlone);
  const workspaceId = await workspaceOf(ada);
  conversationId = await conversationIn(ada, workspaceId);
  await modelFor(ada, workspaceId, server.url);
  const { providerKeys: listed }: { providerKeys: { edges: { node: { provider: { id: string } } }[] } } =
    await ada.want('{ providerKeys { edges { node { provider { id } } } } }');
  const providerId = listed.edges[0]?.node.provider.id;
  await mutate(ada, 'createPlatformProviderKey', {
    providerId,
    label: 'shared',
    key: 'sk-platform-1234',
    isDefault: false,
  });
  await mutate(ada, 'enableTwoFactor', null);
  const encryptedKey = await oldAlone.encrypt('a secret of old');
  const organizationId = uuidOf(ada.organizationId);
  await unitOf(bed, null).transact(() =>
    database
      .update(users)
      .set({ webPushSubscription: encryptedKey })
      .where(eq(users.id, uuidOf(ada.userId))),
  );
  await unitOf(bed, null).transact(() =>
    database.insert(systemSettingValues).values({ key: 'test', encryptedValue: encryptedKey }),
  );
  await unitOf(bed, null).transact(() =>
    database
      .insert(idempotencyKeys)
      .values({ organizationId, requestId: 'test', fingerprint: 'test', encryptedResult: encryptedKey }),
  );
  await unitFor('ORGANIZATION').transact(async () => {
    const ofWorkspace = { organizationId, workspaceId: uuidOf(workspaceId) };
    await database
      .insert(datasources)
      .values({ ...ofWorkspace, name: 'Feed', kind: 'MANUAL', encryptedSecrets: encryptedKey });
    const setting = { key: 'test', encryptedValue: encryptedKey };
    await database.insert(organizationSettingValues).values({ organizationId, ...setting });
    await database.insert(workspaceSettingValues).values({ ...ofWorkspace, ...setting });
    await database.insert(webhookSubscriptions).values({
      organizationId,
      url: 'http://127.0.0.1',
      events: ['*'],
      encryptedSecret: encryptedKey,
      encryptedPreviousSecret: encryptedKey,
    });
    const api = { kind: 'CRM' as const, endpoint: 'http://127.0.0.1', authentication: 'BEARER' as const };
    // More than one batch.
    await database.insert(apiConfigurations).values(
      Array.from({ length: 120 }, (_, at) => ({
        ...api,
        organizationId,
        readers: [organizationId],
        name: `api ${at}`,
        encryptedKey,
        lastFour: '1234',
      })),
    );
  });
}, 60_000);
afterAll(async () => {
  await bed.stop();
  await server.stop();
});

test('every column that holds encrypted text is in the list', async () => {
  const unit = unitOf(bed, null);
  const named = await unit.run(() =>
    database.execute<{ name: string; listed: boolean }>(sql`
      select c.relname || '.' || a.attname as name from pg_attribute a join pg_class c on c.oid = a.attrelid
      where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attname ~ '^encrypted_'`),
  );
  await unit.rest();
  const listed = encryptedColumns.map(({ table, column }) => `${table}.${column}`);
  expect(listed).toEqual(expect.arrayContaining(named.map(({ name }) => name)));

  // Whatever looks like a JWE stands in one of them: all tables are looked through.
  const everything = unit.as({ ...wholeOf(uuidOf(ada.organizationId)), userId: uuidOf(ada.userId) });
  const tables = await everything.run(() =>
    database.execute<{ name: string }>(
      sql`select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'`,
    ),
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await everything.run(() =>
      database.execute<{ key: string }>(sql`select distinct field.key from ${sql.identifier(name)} entry,
        jsonb_each_text(to_jsonb(entry)) field where field.value ~ 'eyJ[\\w-]+\\.\\.[\\w-]+\\.'`),
    );
    found.push(...rows.map(({ key }) => `${name}.${key}`));
  }
  await everything.rest();
  expect(found.sort()).toEqual(listed.toSorted());
});

test('nothing else encrypts than what writes those columns, and mails', () => {
  const encrypting = globSync('src/**/*.ts')
    .filter((path) => !path.startsWith('src/secrets/') && /keyRing\.encrypt\(/.test(readFileSync(path, 'utf8')))
    .sort();
  // A file that is new here writes to a column of `encryptedColumns`, or to nothing that is kept.
  expect(encrypting).toEqual([
    'src/domains/content/datasource-configuration.ts',
    'src/domains/identity/profile.ts',
    'src/domains/identity/two-factor.ts',
    'src/domains/modelhub/api-configurations.ts',
    'src/domains/modelhub/platform-keys.ts',
    'src/domains/modelhub/provider-keys.ts',
    'src/domains/platform/reencryption.ts',
    'src/domains/platform/settings.ts',
    'src/domains/platform/webhook-subscriptions.ts',
    'src/gateway/idempotency.ts',
    'src/mail/postbox.ts',
    'src/upkeep/seed/seed.ts',
  ]);
});

test('with one key there is nothing to do', async () => {
  expect(await run()).toBeNull();
  await readable();
  expect(await ada.want('{ encryptionKeys { name status remaining countedAt } }')).toEqual({
    encryptionKeys: [{ name: 'old', status: 'CURRENT', remaining: null, countedAt: null }],
  });
});

test('what an old key encrypts is encrypted anew while all of it stays readable, and the old key can go', async () => {
  hold(both);
  await readable();
  expect(await keyNames()).toEqual(['old']);

  // Broken off at its beginning, it goes on the next time.
  expect(await renewEncryption(services(), AbortSignal.abort())).toBeNull();
  expect(await ada.want('{ encryptionKeys { name status remaining } }')).toEqual({
    encryptionKeys: [
      { name: 'new', status: 'CURRENT', remaining: null },
      { name: 'old', status: 'FORMER', remaining: null },
    ],
  });
  const reading = readable();
  const renewal = await run();
  await reading;
  expect(renewal).toMatchObject({ current: 'new', left: {} });
  expect(renewal?.renewed).toBeGreaterThan(120);
  expect(await keyNames()).toEqual(['new']);
  expect(await run()).toEqual({ current: 'new', renewed: 0, left: {} });
  expect(await ada.want('{ encryptionKeys { name status remaining } }')).toEqual({
    encryptionKeys: [
      { name: 'new', status: 'CURRENT', remaining: null },
      { name: 'old', status: 'FORMER', remaining: 0 },
    ],
  });
  expect(lines.some((line) => line.includes('encrypted anew'))).toBe(true);
  hold(newAlone);
  await readable();
});

test('a key that is changed meanwhile stays as it was changed, and what nobody can read is counted', async () => {
  hold(both);
  const unit = unitFor('ORGANIZATION');
  const isMain = and(eq(providerKeys.organizationId, unit.organizationId), eq(providerKeys.label, 'main'));
  const write = (encryptedKey: string) =>
    unitFor('ORGANIZATION').transact(() => database.update(providerKeys).set({ encryptedKey }).where(isMain));
  const stored = async () => {
    const [row] = await unit.run(() =>
      database.select({ value: providerKeys.encryptedKey }).from(providerKeys).where(isMain),
    );
    await unit.rest();
    return row?.value ?? '';
  };
  await write(await oldAlone.encrypt('sk-before-12345'));
  const changed = await oldAlone.encrypt('sk-changed-12345');
  // Between the reading of the old value and the writing of the new one, somebody rotates the key.
  hold({
    ...both,
    decrypt: async (value) => {
      const text = await both.decrypt(value);
      if (text === 'sk-before-12345') await write(changed);
      return text;
    },
  });
  expect(await run()).toEqual({ current: 'new', renewed: 0, left: { old: 1 } });
  expect(await stored()).toBe(changed);
  hold(both);
  expect(await run()).toEqual({ current: 'new', renewed: 1, left: {} });
  expect(await both.decrypt(await stored())).toBe('sk-changed-12345');

  const lost = openKeyRing({ keys: { lost: randomBytes(32) }, current: 'lost' });
  await write(await lost.encrypt('sk-lost-12345'));
  expect(await run()).toEqual({ current: 'new', renewed: 0, left: { lost: 1 } });
  expect(await ada.want('{ encryptionKeys { name status remaining } }')).toEqual({
    encryptionKeys: [
      { name: 'new', status: 'CURRENT', remaining: null },
      { name: 'old', status: 'FORMER', remaining: 0 },
      { name: 'lost', status: 'MISSING', remaining: 1 },
    ],
  });
});
