import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { database } from '../src/database/client.ts';
import { officeDocumentShares } from '../src/domains/content/office-tables.ts';
import { users } from '../src/domains/identity/tables.ts';
import { memberships } from '../src/domains/tenancy/tables.ts';
import { newId } from '../src/ids.ts';
import { whole } from './access/cast.ts';
import { eventsOf, join, type Colleague } from './colleagues.ts';
import { act, documentOf, readersOf, refused, seen, titles, type OfficeMutation } from './office.ts';
import { join as rejoin, signInTo } from './people.ts';
import { uuidOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

let bed: Testbed;
let host: Awaited<ReturnType<Testbed['signUp']>>;
let stranger: Awaited<ReturnType<Testbed['signUp']>>;
let olga: Colleague;
let emil: Colleague;
let cleo: Colleague;
let vera: Colleague;
let nora: Colleague;
beforeAll(async () => {
  bed = await startTestbed();
  host = await bed.signUp('Host');
  stranger = await bed.signUp('Stranger');
  olga = await join(bed, host, 'MEMBER', { name: 'Olga' });
  emil = await join(bed, host, 'MEMBER', { name: 'Emil' });
  cleo = await join(bed, host, 'MEMBER', { name: 'Cleo' });
  vera = await join(bed, host, 'GUEST', { name: 'Vera' });
  nora = await join(bed, host, 'MANAGER', { name: 'Nora' });
}, 60_000);
afterAll(() => bed.stop());

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

const principals = (...people: { userId: string }[]): string[] =>
  [uuidOf(host.organizationId), ...people.map(({ userId }) => uuidOf(userId))].sort();

/** A document of Olga's that Emil may edit, Cleo comment on and Vera view, with a comment of each of the two. */
const shared = async (): Promise<{ id: string; comments: { emil: string; cleo: string } }> => {
  const id = await documentOf(olga, 'Shared');
  await act(olga, 'shareOfficeDocument', { id, userId: emil.userId, level: 'EDIT' });
  await act(olga, 'shareOfficeDocument', { id, userId: cleo.userId, level: 'COMMENT' });
  await act(olga, 'shareOfficeDocument', { id, userId: vera.userId, level: 'VIEW' });
  const comment = async (person: Person): Promise<string> =>
    (await act(person, 'addOfficeDocumentComment', { id, text: 'hm', anchor: { page: 1 } })).comment.id;
  return { id, comments: { emil: await comment(emil), cleo: await comment(cleo) } };
};

/** Takes somebody who has left into the organization again. */
const comeBack = async (person: Colleague): Promise<Person> => {
  await rejoin(bed, host.organizationId, person);
  return signInTo(bed, host.organizationId, person);
};
const removeMember = (person: Colleague): Promise<Data> =>
  host.want('mutation ($input: RemoveMemberInput!) { removeMember(input: $input) { deletedId } }', {
    input: { userId: person.userId },
  });

/** Shares a document with so many new members, at once. */
const shareWithMany = (id: string, number: number): Promise<unknown> =>
  whole(bed, host.organizationId).transact(async ({ organizationId }) => {
    const ids = Array.from({ length: number }, () => newId());
    const readers = [organizationId, uuidOf(olga.userId)];
    await database
      .insert(users)
      .values(ids.map((userId) => ({ id: userId, email: `${userId}@example.com`, name: 'M' })));
    await database
      .insert(memberships)
      .values(ids.map((userId) => ({ organizationId, userId, role: 'MEMBER' as const })));
    const [documentId, level] = [uuidOf(id), 'VIEW' as const];
    await database
      .insert(officeDocumentShares)
      .values(ids.map((userId) => ({ organizationId, readers, documentId, level, userId })));
  });

describe('levels', () => {
  test('allow each what they should', async () => {
    const { id, comments } = await shared();
    const levels = [olga, host, emil, cleo, vera].map(async (person) => (await seen(person, id)).myLevel);
    expect(await Promise.all(levels)).toEqual(['OWNER', 'OWNER', 'EDIT', 'COMMENT', 'VIEW']);
    for (const other of [nora, stranger]) expect(await seen(other, id)).toBe('NOT_FOUND');
    const cleosComment = { id: comments.cleo };
    // Who is allowed each act, of [owner, administrator, editor, commentator, viewer]; others do not find it.
    const acts: readonly (readonly [OfficeMutation, object, readonly boolean[]])[] = [
      ['saveOfficeDocument', { id, baseVersion: 1 }, [true, true, true, false, false]],
      ['restoreOfficeDocumentVersion', { id, version: 1, baseVersion: 1 }, [true, true, true, false, false]],
      ['addOfficeDocumentComment', { id, text: 'a' }, [true, true, true, true, false]],
      ['updateOfficeDocumentComment', { ...cleosComment, text: 'b' }, [false, false, false, true, false]],
      ['resolveOfficeDocumentComment', cleosComment, [true, true, true, true, false]],
      ['reopenOfficeDocumentComment', cleosComment, [true, true, true, true, false]],
      ['resolveOfficeDocumentComment', { id: comments.emil }, [true, true, true, false, false]],
      ['reopenOfficeDocumentComment', { id: comments.emil }, [true, true, true, false, false]],
      ['shareOfficeDocument', { id, userId: vera.userId, level: 'VIEW' }, [true, true, false, false, false]],
      ['unshareOfficeDocument', { id, userId: nora.userId }, [true, true, false, false, false]],
    ];
    for (const [name, input, allowed] of acts) {
      const told = [];
      for (const person of [olga, host, emil, cleo, vera]) told.push(await refused(person, name, input));
      expect({ name, told }).toEqual({ name, told: allowed.map((fine) => (fine ? [] : ['FORBIDDEN'])) });
      for (const other of [nora, stranger])
        expect({ name, told: await refused(other, name, input) }).toEqual({ name, told: ['NOT_FOUND'] });
    }
    for (const person of [emil, vera]) {
      expect(await refused(person, 'deleteOfficeDocumentComment', cleosComment)).toEqual(['FORBIDDEN']);
      expect(await refused(person, 'deleteOfficeDocument', { id })).toEqual(['FORBIDDEN']);
      expect(await refused(person, 'transferOfficeDocument', { id, userId: vera.userId })).toEqual(['FORBIDDEN']);
    }
    expect(await act(cleo, 'deleteOfficeDocumentComment', cleosComment)).toEqual({ deletedId: comments.cleo });
    expect(await act(olga, 'deleteOfficeDocumentComment', { id: comments.emil })).toEqual({ deletedId: comments.emil });
    expect(await refused(olga, 'deleteOfficeDocumentComment', { id: comments.emil })).toEqual(['NOT_FOUND']);
  });

  test('that sink take rights with them, also over one’s own comments', async () => {
    const { id, comments } = await shared();
    await act(olga, 'shareOfficeDocument', { id, userId: cleo.userId, level: 'VIEW' });
    expect(await refused(cleo, 'updateOfficeDocumentComment', { id: comments.cleo, text: 'c' })).toEqual(['FORBIDDEN']);
    expect(await refused(cleo, 'deleteOfficeDocumentComment', { id: comments.cleo })).toEqual(['FORBIDDEN']);
  });
});

describe('a share', () => {
  test('carries its reader to all parts of the document, and away again', async () => {
    const { id } = await shared();
    expect(await readersOf(bed, host.organizationId, id)).toEqual([principals(olga, emil, cleo, vera)]);
    const query =
      'query ($id: ID!) { officeDocument(id: $id) { shares { edges { node { level user { id } sharedBy { id } document { id } } } } comments { totalCount } versions { totalCount } } }';
    const { officeDocument }: Data = await vera.want(query, { id });
    expect(officeDocument).toEqual({
      comments: { totalCount: 2 },
      versions: { totalCount: 1 },
      shares: {
        edges: [
          [emil, 'EDIT'],
          [cleo, 'COMMENT'],
          [vera, 'VIEW'],
        ].map(([person, level]) => ({
          node: { level, user: { id: (person as Colleague).userId }, sharedBy: { id: olga.userId }, document: { id } },
        })),
      },
    });
    await act(olga, 'unshareOfficeDocument', { id, userId: cleo.userId });
    await act(olga, 'unshareOfficeDocument', { id, userId: cleo.userId });
    expect(await seen(cleo, id)).toBe('NOT_FOUND');
    expect(await readersOf(bed, host.organizationId, id)).toEqual([principals(olga, emil, vera)]);
    expect(await act(vera, 'leaveOfficeDocument', { id })).toEqual({ leftId: id });
    expect(await seen(vera, id)).toBe('NOT_FOUND');
    expect(await readersOf(bed, host.organizationId, id)).toEqual([principals(olga, emil)]);
    expect(await refused(vera, 'leaveOfficeDocument', { id })).toEqual(['NOT_FOUND']);
    for (const person of [olga, host])
      expect(await refused(person, 'leaveOfficeDocument', { id })).toEqual(['FORBIDDEN']);
    expect((await eventsOf(bed, host.organizationId, 'office_document.unshared')).map(({ actor }) => actor)).toEqual([
      uuidOf(vera.userId),
      uuidOf(olga.userId),
    ]);
  });

  test('is with members alone, not with the owner, and with 200 of them at most', async () => {
    const id = await documentOf(olga, 'Wide');
    const share = (userId: string) => refused(olga, 'shareOfficeDocument', { id, userId, level: 'VIEW' });
    expect(await share(stranger.userId)).toEqual(['NOT_FOUND']);
    expect(await share(olga.userId)).toEqual(['BAD_USER_INPUT']);
    expect(await share('user_01h2xcejqtf2nbrexx3vqjhp41')).toEqual(['NOT_FOUND']);
    expect(await share(emil.userId)).toEqual([]);
    expect(await readersOf(bed, host.organizationId, id)).toEqual([principals(olga, emil)]);
    await shareWithMany(id, 199);
    expect(await share(cleo.userId)).toEqual(['CONFLICT']);
    expect(await share(emil.userId)).toEqual([]);
    await act(olga, 'unshareOfficeDocument', { id, userId: emil.userId });
    expect(await share(cleo.userId)).toEqual([]);
  });

  test('goes when its member leaves the organization, and does not come back with them', async () => {
    const { id } = await shared();
    const gone = await join(bed, host, 'MEMBER', { name: 'Gone' });
    await act(olga, 'shareOfficeDocument', { id, userId: gone.userId, level: 'EDIT' });
    const own = await documentOf(gone, 'Left behind');
    await act(gone, 'shareOfficeDocument', { id: own, userId: emil.userId, level: 'EDIT' });
    await removeMember(gone);
    expect(await readersOf(bed, host.organizationId, id)).toEqual([principals(olga, emil, cleo, vera)]);
    const back = await comeBack(gone);
    expect(await seen(back, id)).toBe('NOT_FOUND');
    // What they own waited for them.
    expect(await titles(back)).toEqual(['Left behind']);
  });
});

describe('a transfer', () => {
  test('makes somebody the owner, and leaves the former one EDIT', async () => {
    const { id } = await shared();
    const { officeDocument: document } = await act(olga, 'transferOfficeDocument', { id, userId: cleo.userId });
    expect(document).toMatchObject({ myLevel: 'EDIT', owner: { id: cleo.userId } });
    expect([await seen(cleo, id), await seen(olga, id)]).toMatchObject([{ myLevel: 'OWNER' }, { myLevel: 'EDIT' }]);
    expect(await readersOf(bed, host.organizationId, id)).toEqual([principals(olga, emil, cleo, vera)]);
    expect(await refused(olga, 'transferOfficeDocument', { id, userId: olga.userId })).toEqual(['FORBIDDEN']);
    expect(await refused(cleo, 'transferOfficeDocument', { id, userId: cleo.userId })).toEqual(['BAD_USER_INPUT']);
    expect(await refused(cleo, 'transferOfficeDocument', { id, userId: stranger.userId })).toEqual(['NOT_FOUND']);
    expect(await act(olga, 'leaveOfficeDocument', { id })).toEqual({ leftId: id });
    expect(await refused(olga, 'deleteOfficeDocument', { id })).toEqual(['NOT_FOUND']);
  });

  test('takes over what somebody left behind', async () => {
    const gone = await join(bed, host, 'MEMBER', { name: 'Gone' });
    const id = await documentOf(gone, 'Orphan');
    await gone.want('mutation ($input: EraseAccountInput!) { eraseAccount(input: $input) { erased } }', {
      input: { password: 'correct horse battery' },
    });
    expect(await titles(host, { ownerId: { eq: gone.userId } })).toEqual(['Orphan']);
    const { officeDocument: document } = await act(host, 'transferOfficeDocument', { id, userId: emil.userId });
    expect(document.owner).toEqual({ id: emil.userId });
    expect(await readersOf(bed, host.organizationId, id)).toEqual([principals(emil)]);
    const suspended = await join(bed, host, 'MEMBER', { name: 'Suspended' });
    await host.want('mutation ($input: SuspendMemberInput!) { suspendMember(input: $input) { membership { id } } }', {
      input: { userId: suspended.userId },
    });
    expect(await refused(host, 'transferOfficeDocument', { id, userId: suspended.userId })).toEqual(['CONFLICT']);
  });
});

describe('comments', () => {
  test('are written, changed, resolved, reopened and listed', async () => {
    const { id, comments } = await shared();
    await act(emil, 'saveOfficeDocument', { id, baseVersion: 1, content: { b: 1 } });
    const { comment } = await act(cleo, 'addOfficeDocumentComment', { id, text: 'And here?', anchor: ['p', 3] });
    expect(comment).toMatchObject({ anchor: ['p', 3], version: 2, author: { id: cleo.userId }, resolvedAt: null });
    expect(await act(cleo, 'updateOfficeDocumentComment', { id: comment.id, text: 'There.' })).toMatchObject({
      comment: { text: 'There.' },
    });
    const resolved = await act(emil, 'resolveOfficeDocumentComment', { id: comment.id });
    expect(resolved.comment).toMatchObject({ resolvedBy: { id: emil.userId }, resolvedAt: expect.any(String) });
    expect(await act(olga, 'resolveOfficeDocumentComment', { id: comment.id })).toEqual(resolved);
    const list = async (filter: object): Promise<string[]> => {
      const { officeDocument }: Data = await vera.want(
        'query ($id: ID!, $filter: OfficeDocumentCommentFilter) { officeDocument(id: $id) { comments(filter: $filter) { edges { node { id document { id } } } } } }',
        { id, filter },
      );
      return officeDocument.comments.edges.map(({ node }: Data) => node.id);
    };
    expect(await list({})).toEqual([comments.emil, comments.cleo, comment.id]);
    expect(await list({ resolved: { eq: true } })).toEqual([comment.id]);
    expect(await list({ resolved: { eq: false } })).toEqual([comments.emil, comments.cleo]);
    expect((await act(cleo, 'reopenOfficeDocumentComment', { id: comment.id })).comment.resolvedAt).toBeNull();
    expect(await list({ resolved: { eq: true } })).toEqual([]);
    for (const input of [{ text: ' ' }, { text: 'x'.repeat(10_001) }, { text: 'a', anchor: 'x'.repeat(4000) }])
      expect(await refused(cleo, 'addOfficeDocumentComment', { id, ...input })).toEqual(['BAD_USER_INPUT']);
  });
});

describe('events', () => {
  const subscription = `subscription ($id: ID!) { officeDocumentEvents(id: $id) { __typename
    ... on OfficeDocumentSaved { document { version content myLevel savedBy { name } } }
    ... on OfficeDocumentCommented { comment { text author { name } } }
    ... on OfficeDocumentCommentChanged { comment { resolvedAt } }
    ... on OfficeDocumentCommentDeleted { deletedId }
    ... on OfficeDocumentShared { share { level user { name } } document { myLevel } }
    ... on OfficeDocumentUnshared { document { myLevel } }
    ... on OfficeDocumentDeleted { deletedId } } }`;
  const listen = async (person: Person, id: string) => {
    const { results, stop } = person.subscribe(subscription, { id });
    const told: Data[] = [];
    const ended = (async () => {
      for await (const { data, errors } of results) told.push(errors ?? (data as Data).officeDocumentEvents);
    })().catch((error: unknown) => told.push(error));
    await new Promise((resolve) => setTimeout(resolve, 300));
    return { told, ended, stop };
  };
  const heard = async (told: readonly Data[], number: number): Promise<readonly Data[]> => {
    for (let tries = 0; told.length < number && tries < 200; tries++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    return told;
  };

  test('tell what happens with the rights of that moment, and end when they are lost', async () => {
    const { id } = await shared();
    const [ofVera, ofCleo] = [await listen(vera, id), await listen(cleo, id)];
    await act(emil, 'saveOfficeDocument', { id, baseVersion: 1, content: { n: 2 } });
    expect(await heard(ofVera.told, 1)).toEqual([
      {
        __typename: 'OfficeDocumentSaved',
        document: { version: 2, content: { n: 2 }, myLevel: 'VIEW', savedBy: { name: 'Emil' } },
      },
    ]);
    // Equal content is no save, and what is refused is none either.
    await act(emil, 'saveOfficeDocument', { id, baseVersion: 2, content: { n: 2 } });
    await refused(emil, 'saveOfficeDocument', { id, baseVersion: 1, content: { n: 3 } });
    const { comment } = await act(cleo, 'addOfficeDocumentComment', { id, text: 'Oh' });
    expect((await heard(ofVera.told, 2))[1]).toEqual({
      __typename: 'OfficeDocumentCommented',
      comment: { text: 'Oh', author: { name: 'Cleo' } },
    });
    await act(emil, 'resolveOfficeDocumentComment', { id: comment.id });
    expect((await heard(ofVera.told, 3))[2]).toMatchObject({ __typename: 'OfficeDocumentCommentChanged' });
    await act(cleo, 'deleteOfficeDocumentComment', { id: comment.id });
    expect((await heard(ofVera.told, 4))[3]).toEqual({
      __typename: 'OfficeDocumentCommentDeleted',
      deletedId: comment.id,
    });
    await act(olga, 'shareOfficeDocument', { id, userId: vera.userId, level: 'EDIT' });
    expect((await heard(ofVera.told, 5))[4]).toEqual({
      __typename: 'OfficeDocumentShared',
      share: { level: 'EDIT', user: { name: 'Vera' } },
      document: { myLevel: 'EDIT' },
    });
    await act(olga, 'unshareOfficeDocument', { id, userId: vera.userId });
    await ofVera.ended;
    expect(ofVera.told).toHaveLength(5);
    expect((await heard(ofCleo.told, 6))[5]).toEqual({
      __typename: 'OfficeDocumentUnshared',
      document: { myLevel: 'COMMENT' },
    });
    await act(olga, 'deleteOfficeDocument', { id });
    await ofCleo.ended;
    expect(ofCleo.told.slice(6)).toEqual([{ __typename: 'OfficeDocumentDeleted', deletedId: id }]);
    await Promise.all([ofVera.stop(), ofCleo.stop()]);
  });

  test('are for who sees the document', async () => {
    const { id } = await shared();
    for (const person of [nora, stranger]) {
      const { told, ended, stop } = await listen(person, id);
      await ended;
      expect(JSON.stringify(told)).toMatch(/NOT_FOUND/);
      await stop();
    }
  });
});
