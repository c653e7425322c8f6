import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eq, sql } from 'drizzle-orm';
import * as fc from 'fast-check';
import { database } from '../src/database/client.ts';
import { purgeOfficeDocuments } from '../src/domains/content/office-retention.ts';
import { officeDocuments } from '../src/domains/content/office-tables.ts';
import { eraseRows } from '../src/domains/tenancy/organization-erasure.ts';
import { organizations } from '../src/domains/tenancy/tables.ts';
import { whole } from './access/cast.ts';
import { join, type Colleague } from './colleagues.ts';
import { act, documentOf, operation, readersOf, refused, seen, titles } from './office.ts';
import { join as rejoin, signInTo } from './people.ts';
import { unitOf, uuidOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

let bed: Testbed;
let host: Awaited<ReturnType<Testbed['signUp']>>;
let members: Colleague[];
beforeAll(async () => {
  bed = await startTestbed();
  host = await bed.signUp('Host');
  members = [];
  for (const name of ['Ann', 'Ben', 'Cid']) members.push(await join(bed, host, 'MEMBER', { name }));
}, 60_000);
afterAll(() => bed.stop());

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

const nth = <Item>(items: readonly Item[], at: number): Item => items[at % items.length] as Item;
const versionsOf = async (person: Person, id: string): Promise<Data[]> => {
  const { officeDocument }: Data = await person.want(
    'query ($id: ID!) { officeDocument(id: $id) { versions(last: 30) { edges { node { version title content restoredFrom savedBy { id } } } } } }',
    { id },
  );
  return officeDocument.versions.edges.map(({ node }: Data) => node).reverse();
};
const removeMember = async (person: { readonly userId: string }): Promise<unknown[]> =>
  host.codes('mutation ($input: RemoveMemberInput!) { removeMember(input: $input) { deletedId } }', {
    input: { userId: person.userId },
  });
type Identified = Person & { readonly userId: string };
const signedIn = async ({ userId }: { readonly userId: string }): Promise<Identified> =>
  Object.assign(await signInTo(bed, host.organizationId, { userId }), { userId });

test('of fifty who save the same version at once, one succeeds and the others are told what is now', async () => {
  const owner = nth(members, 0);
  const id = await documentOf(owner, 'Contested', { n: -1 });
  const save = (n: number) =>
    owner.ask(operation('saveOfficeDocument'), { input: { id, baseVersion: 1, content: { n } } });
  const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => save(n)));
  const winners = answers.flatMap(({ errors }, n) => (errors.length === 0 ? [n] : []));
  expect(winners).toHaveLength(1);
  const content = { n: winners[0] };
  for (const { errors } of answers.filter((_, n) => n !== winners[0]))
    expect(errors.map(({ extensions }) => extensions)).toMatchObject([
      { code: 'CONFLICT', current: { version: 2, content } },
    ]);
  expect(await versionsOf(owner, id)).toMatchObject([
    { version: 1, content: { n: -1 } },
    { version: 2, content },
  ]);
}, 30_000);

describe('whatever people do', () => {
  test('version n holds what was stored at n, with who stored it', async () => {
    const step = fc.record({
      who: fc.nat(1),
      stale: fc.boolean(),
      restores: fc.option(fc.nat(20), { nil: undefined }),
      content: fc.option(fc.record({ n: fc.nat(2), value: fc.jsonValue({ maxDepth: 2 }) }), { nil: undefined }),
      title: fc.option(fc.constantFrom('A', 'B'), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
        const [owner, editor] = [nth(members, 0), nth(members, 1)];
        const id = await documentOf(owner, 'A', { n: 0 });
        await act(owner, 'shareOfficeDocument', { id, userId: editor.userId, level: 'EDIT' });
        const stored: { title: string; content: unknown; by: string; restoredFrom: number | null }[] = [
          { title: 'A', content: { n: 0 }, by: owner.userId, restoredFrom: null },
        ];
        for (const { who, stale, restores, content, title } of steps) {
          const person = nth([owner, editor], who);
          const baseVersion = stored.length - (stale ? 1 : 0);
          const from = restores === undefined ? null : (restores % stored.length) + 1;
          const brought = { content, title };
          const codes =
            from === null
              ? await refused(person, 'saveOfficeDocument', { id, baseVersion, ...brought })
              : await refused(person, 'restoreOfficeDocumentVersion', { id, baseVersion, version: from });
          expect(codes).toEqual(stale ? ['CONFLICT'] : []);
          if (stale) continue;
          const current = nth(stored, stored.length - 1);
          const source = from === null ? { ...current, ...withoutAbsent(brought) } : nth(stored, from - 1);
          const next = asStored({ title: source.title, content: source.content });
          if (JSON.stringify(next) !== JSON.stringify(asStored({ title: current.title, content: current.content })))
            stored.push({ ...next, by: person.userId, restoredFrom: from });
        }
        expect(await versionsOf(editor, id)).toEqual(
          stored.map(({ by, title, content, restoredFrom }, at) => {
            const savedBy = { id: by };
            return { version: at + 1, title, content: asStored(content), restoredFrom, savedBy };
          }),
        );
      }),
      { numRuns: 12 },
    );
  }, 60_000);

  test('those see a document who should', async () => {
    const step = fc.record({
      act: fc.constantFrom('share', 'unshare', 'leave', 'transfer', 'comment', 'save', 'remove'),
      actor: fc.nat(3),
      subject: fc.nat(2),
      level: fc.constantFrom('VIEW', 'COMMENT', 'EDIT'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 10 }), async (steps) => {
        const people = await Promise.all(members.map(signedIn));
        const id = await documentOf(nth(people, 0), 'Seen');
        let owner = nth(members, 0).userId;
        const shares = new Map<string, string>();
        for (const { act: what, actor, subject, level } of steps) {
          const by = nth<Identified>([...people, host], actor);
          const { userId } = nth(people, subject);
          const own = by.userId === owner || by === host;
          const rights = own ? 'OWNER' : shares.get(by.userId);
          const due = (fine: boolean) => (rights === undefined ? ['NOT_FOUND'] : fine ? [] : ['FORBIDDEN']);
          const former = owner;
          if (what === 'share' || what === 'transfer') {
            const expected = own && userId === owner ? ['BAD_USER_INPUT'] : due(own);
            const name = what === 'share' ? 'shareOfficeDocument' : 'transferOfficeDocument';
            const input = { id, userId, ...(what === 'share' && { level }) };
            expect([what, await refused(by, name, input)]).toEqual([what, expected]);
            if (expected.length > 0) continue;
            if (what === 'share') shares.set(userId, level);
            else {
              shares.delete(userId);
              shares.set(former, 'EDIT');
              owner = userId;
            }
          } else if (what === 'unshare') {
            expect([what, await refused(by, 'unshareOfficeDocument', { id, userId })]).toEqual([what, due(own)]);
            if (own) shares.delete(userId);
          } else if (what === 'leave') {
            expect([what, await refused(by, 'leaveOfficeDocument', { id })]).toEqual([what, due(!own)]);
            if (!own) shares.delete(by.userId);
          } else if (what === 'comment') {
            const codes = await refused(by, 'addOfficeDocumentComment', { id, text: 'a' });
            expect([what, codes]).toEqual([what, due(rights !== 'VIEW')]);
          } else if (what === 'save') {
            const { version } = await seen(host, id);
            const codes = await refused(by, 'saveOfficeDocument', { id, baseVersion: version, content: { version } });
            expect([what, codes]).toEqual([what, due(rights === 'OWNER' || rights === 'EDIT')]);
          } else if (userId !== owner) {
            await removeMember({ userId });
            shares.delete(userId);
            await rejoin(bed, host.organizationId, { userId });
            people[subject] = await signedIn({ userId });
          }
        }
        for (const person of people) {
          const level = person.userId === owner ? 'OWNER' : shares.get(person.userId);
          expect(await seen(person, id)).toEqual(
            level === undefined ? 'NOT_FOUND' : expect.objectContaining({ myLevel: level }),
          );
        }
        const readers = [host.organizationId, owner, ...shares.keys()].map(uuidOf).sort();
        expect(await readersOf(bed, host.organizationId, id)).toEqual([readers]);
        await act(host, 'deleteOfficeDocument', { id });
        await act(host, 'purgeOfficeDocument', { id });
      }),
      { numRuns: 12 },
    );
  }, 60_000);
});

/** As JSON keeps it, with the names in objects in one order. */
const asStored = <Value>(value: Value): Value =>
  JSON.parse(JSON.stringify(value), (_key, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  ) as Value;
const withoutAbsent = (fields: { content: unknown; title: string | undefined }) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<{
    content: unknown;
    title: string;
  }>;

test('who leave at once and who shares with them meanwhile do not wait for each other', async () => {
  const owner = await join(bed, host, 'MEMBER', { name: 'Stays' });
  const leavers = await Promise.all(['Lea', 'Lou', 'Lux'].map((name) => join(bed, host, 'MEMBER', { name })));
  const ids: string[] = [];
  for (let at = 0; at < 6; at++) ids.push(await documentOf(owner, `Left ${at}`));
  const share = (id: string, { userId }: Colleague, level: string) =>
    refused(owner, 'shareOfficeDocument', { id, userId, level });
  for (const id of [...ids].reverse()) for (const each of leavers) expect(await share(id, each, 'VIEW')).toEqual([]);
  const told = await Promise.all([
    ...leavers.map(removeMember),
    ...ids.flatMap((id) => leavers.map((each) => share(id, each, 'EDIT'))),
    ...ids.map((id) => refused(owner, 'saveOfficeDocument', { id, baseVersion: 1, content: { b: 1 } })),
  ]);
  // A share comes before the leaving or finds nobody.
  expect([...new Set(told.flat())].filter((code) => code !== 'NOT_FOUND')).toEqual([]);
  for (const id of ids)
    expect(await readersOf(bed, host.organizationId, id)).toEqual([
      [host.organizationId, owner.userId].map(uuidOf).sort(),
    ]);
}, 30_000);

test('what was deleted longer ago than the organization keeps it is gone the next night', async () => {
  const other = await bed.signUp('Other');
  await other.want(
    'mutation ($input: UpdateOrganizationInput!) { updateOrganization(input: $input) { organization { id } } }',
    {
      input: { settings: { officeRetentionDays: 5 } },
    },
  );
  const [kept, old, older, ofOther] = [
    await documentOf(host, 'Kept'),
    await documentOf(host, 'Old'),
    await documentOf(host, 'Older'),
    await documentOf(other, 'Of another'),
  ];
  for (const id of [old, older]) await act(host, 'deleteOfficeDocument', { id });
  await act(other, 'deleteOfficeDocument', { id: ofOther });
  const age = (organization: string, id: string, days: number) =>
    whole(bed, organization).transact(() =>
      database
        .update(officeDocuments)
        .set({ deletedAt: sql`now() - make_interval(days => ${days})` })
        .where(eq(officeDocuments.id, uuidOf(id))),
    );
  await age(host.organizationId, old, 29);
  await age(host.organizationId, older, 31);
  await age(other.organizationId, ofOther, 6);
  const { services } = bed.server.installation;
  const run = (signal = new AbortController().signal) =>
    purgeOfficeDocuments({ unit: unitOf(bed, null), services }, signal);
  await run(AbortSignal.abort());
  expect(await titles(host, { deleted: true })).toEqual(['Old', 'Older']);
  await run();
  expect(await titles(host, { deleted: true })).toEqual(['Old']);
  expect(await titles(other, { deleted: true })).toEqual([]);
  expect(await refused(other, 'restoreOfficeDocument', { id: ofOther })).toEqual(['NOT_FOUND']);
  expect(await seen(host, kept)).toMatchObject({ title: 'Kept' });
  // More than a turn of one organization takes.
  await whole(bed, host.organizationId).transact(({ organizationId }) =>
    database.execute(sql`insert into office_documents (organization_id, id, readers, owner_id, kind, title, content, size, deleted_at)
      select ${organizationId}, gen_random_uuid(), array[${organizationId}::uuid], gen_random_uuid(), 'WORD', 'Many', '{}', 2, now() - interval '40 days'
      from generate_series(1, 1050)`),
  );
  await run();
  expect(await titles(host, { deleted: true })).toEqual(['Old']);
}, 60_000);

test('an organization is erased with what people of it have shared', async () => {
  const other = await bed.signUp('Erased');
  const [ann, ben, cid] = [
    await join(bed, other, 'MEMBER', { name: 'Ann' }),
    await join(bed, other, 'MEMBER', { name: 'Ben' }),
    await join(bed, other, 'MEMBER', { name: 'Cid' }),
  ];
  const id = await documentOf(ann);
  for (const { userId } of [ben, cid]) await act(ann, 'shareOfficeDocument', { id, userId, level: 'COMMENT' });
  await act(ben, 'addOfficeDocumentComment', { id, text: 'a' });
  const organizationId = uuidOf(other.organizationId);
  await unitOf(bed, null).transact(async () => {
    await database
      .update(organizations)
      .set({ deletedAt: sql`now()` })
      .where(eq(organizations.id, organizationId));
    await eraseRows(organizationId);
  });
  expect(await readersOf(bed, other.organizationId, id)).toEqual([]);
});
