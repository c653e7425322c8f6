import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { and, eq } from 'drizzle-orm';
import { database } from '../src/database/client.ts';

import { memberships, organizations } from '../src/domains/tenancy/tables.ts';
import { accessTokens } from '../src/domains/identity/tables.ts';
import { send, type Sending } from '../src/serving/sending.ts';
import { startBucketServer } from './bucket-server.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { apiKeyOf } from './machines.ts';
import { Person, startTestbed, type Testbed } from './testbed.ts';
import { unitOf, uuidOf, workspaceOf } from './talk.ts';
import { openUpload, sendBytes, sha256, uploaded } from './uploading.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);
const digits = Buffer.from('0123456789');

const link = async (person: Person, id: string, input: object = {}): Promise<string> => {
  const { createFileLink }: Data = await person.want(
    'mutation ($input: CreateFileLinkInput!) { createFileLink(input: $input) { url expiresAt } }',
    { input: { id, ...input } },
  );
  return createFileLink.url;
};
const update = (person: Person, input: object): Promise<Data> =>
  person.want(
    'mutation ($input: UpdateFileInput!) { updateFile(input: $input) { file { name visibility url downloadCount } } }',
    { input },
  );
const publish = async (person: Person, id: string): Promise<string> =>
  (await update(person, { id, visibility: 'PUBLIC' })).updateFile.file.url;
const get = (url: string, headers: Record<string, string> = {}, method = 'GET') => fetch(url, { method, headers });
const remove = 'mutation ($id: ID!) { deleteFile(input: { id: $id }) { deletedId } }';

const stores = [
  { kind: 'disk', settings: async () => ({ environment: {}, stop: async () => undefined }) },
  {
    kind: 'bucket',
    settings: async () => {
      const server = await startBucketServer();
      const environment = {
        STORAGE_DRIVER: 's3',
        S3_BUCKET: 'files',
        S3_ENDPOINT: server.endpoint,
        S3_ACCESS_KEY_ID: 'us',
        S3_SECRET_ACCESS_KEY: 'secret',
      };
      return { environment, stop: server.stop };
    },
  },
];

describe.each(stores)('files from a $kind', ({ settings }) => {
  let bed: Testbed;
  let ada: Awaited<ReturnType<Testbed['signUp']>>;
  let id: string;
  let url: string;
  let stopStore: () => Promise<unknown>;

  beforeAll(async () => {
    const { environment, stop } = await settings();
    stopStore = stop;
    bed = await startTestbed(environment);
    ada = await bed.signUp('Ada');
    id = await uploaded(bed, ada, 'digits.txt', digits);
    url = await link(ada, id);
  }, 60_000);
  afterAll(async () => {
    await bed.stop();
    await stopStore();
  });

  const etag = `"${sha256(digits)}"`;

  test('a link gives the bytes, as often as it is asked, and nothing in them can do harm', async () => {
    for (const method of ['GET', 'HEAD', 'GET']) {
      const answer = await get(url, {}, method);
      expect(answer.status).toBe(200);
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'accept-ranges': 'bytes',
        'cache-control': 'private, no-store',
        'content-disposition': 'attachment; filename=digits.txt',
        'content-length': '10',
        'content-security-policy': "default-src 'none'; sandbox",
        'content-type': 'text/plain; charset=utf-8',
        'x-content-type-options': 'nosniff',
        etag,
      });
      expect(Date.parse(answer.headers.get('last-modified') ?? '')).toBeLessThanOrEqual(Date.now());
      expect(await answer.text()).toBe(method === 'HEAD' ? '' : '0123456789');
    }
    expect((await get(url, {}, 'POST')).status).toBe(405);
  });

  const ranges: readonly (readonly [range: string, status: number, body: string, contentRange: string | null])[] = [
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=0-0', 206, '0', 'bytes 0-0/10'],
    ['bytes=8-', 206, '89', 'bytes 8-9/10'],
    ['bytes=9-99', 206, '9', 'bytes 9-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=-99', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=10-', 416, '', 'bytes */10'],
    ['bytes=-0', 416, '', 'bytes */10'],
    ['bytes=4-2', 416, '', 'bytes */10'],
    // Several parts that are one, several that a server need not give, and what is no range of bytes.
    ['bytes=0-3,4-5', 206, '012345', 'bytes 0-5/10'],
    ['bytes=0-1,5-6', 200, '0123456789', null],
    [`bytes=${'0-0,9-9,'.repeat(500)}1-1`, 200, '0123456789', null],
    ['items=0-1', 200, '0123456789', null],
    ['bytes=a-b', 200, '0123456789', null],
    ['nothing', 200, '0123456789', null],
  ];

  test.each(ranges)('the range %s', async (range, status, body, contentRange) => {
    const answer = await get(url, { range });
    expect([answer.status, answer.headers.get('content-range')]).toEqual([status, contentRange]);
    if (status === 416) return;
    expect(answer.headers.get('content-length')).toBe(String(body.length));
    expect(await answer.text()).toBe(body);
    // A range is of GET alone.
    expect((await get(url, { range }, 'HEAD')).headers.get('content-length')).toBe('10');
  });

  test('a part is given of the very bytes that were begun, else the whole', async () => {
    const since = (await get(url)).headers.get('last-modified') ?? '';
    const range = 'bytes=2-4';
    const tried: [string, number][] = [
      [etag, 206],
      [since, 206],
      ['"other"', 200],
      [`W/${etag}`, 200],
      [new Date(0).toUTCString(), 200],
    ];
    for (const [ifRange, status] of tried)
      expect([ifRange, (await get(url, { range, 'if-range': ifRange })).status]).toEqual([ifRange, status]);
  });

  test('who has the bytes is told so', async () => {
    const since = (await get(url)).headers.get('last-modified') ?? '';
    for (const headers of [
      { 'if-none-match': etag },
      { 'if-none-match': `"other", W/${etag}` },
      { 'if-modified-since': since },
    ]) {
      const answer = await get(url, { ...(headers as Record<string, string>), 'cache-control': 'max-age=0' });
      expect([headers, answer.status, await answer.text()]).toEqual([headers, 304, '']);
    }
    expect((await get(url, { 'if-none-match': '"other"' })).status).toBe(200);
  });

  test('a large file comes whole, and in parts', async () => {
    const large = Buffer.alloc(3_000_000, 'tessera ');
    const address = await link(ada, await uploaded(bed, ada, 'large.txt', large));
    expect(sha256(Buffer.from(await (await get(address)).arrayBuffer()))).toBe(sha256(large));
    const parts = await Promise.all(
      [0, 1, 2].map(async (part) =>
        Buffer.from(await (await get(address, { range: `bytes=${part * 1e6}-${part * 1e6 + 999_999}` })).arrayBuffer()),
      ),
    );
    expect(sha256(Buffer.concat(parts))).toBe(sha256(large));
  });

  test('the same bytes are stored once, and go with the last file that has them', async () => {
    const { services } = bed.server.installation;
    const twice = Buffer.from(`Twice ${Math.random()}`);
    const [one, other] = [await uploaded(bed, ada, 'a.txt', twice), await uploaded(bed, ada, 'b.txt', twice)];
    const key = `${uuidOf(ada.organizationId)}/${sha256(twice)}`;
    const otherUrl = await link(ada, other);
    await ada.want(remove, { id: one });
    expect(await services.store.exists(key)).toBe(true);
    expect(await (await get(otherUrl)).text()).toBe(twice.toString());
    await ada.want(remove, { id: other });
    expect(await services.store.exists(key)).toBe(false);
    expect((await get(otherUrl)).status).toBe(404);
  });

  test('bytes that are missing are told in the log, and as nothing to who asks', async () => {
    const lost = Buffer.from(`Lost ${Math.random()}`);
    const address = await link(ada, await uploaded(bed, ada, 'lost.txt', lost));
    await bed.server.installation.services.store.remove(`${uuidOf(ada.organizationId)}/${sha256(lost)}`);
    expect((await get(address)).status).toBe(404);
  });
});

describe('who gets what', () => {
  let bed: Testbed & { ownerUrl: string | undefined };
  let ada: Awaited<ReturnType<Testbed['signUp']>>;
  let bob: Colleague;
  let eve: Colleague;
  let workspaceId: string;

  beforeAll(async () => {
    bed = await startTestbed();
    ada = await bed.signUp('Ada');
    workspaceId = await workspaceOf(ada);
    bob = await colleagueOf(bed, ada.organizationId, 'Bob', 'MEMBER', { [workspaceId]: 'EDITOR' });
    eve = await colleagueOf(bed, ada.organizationId, 'Eve', 'MEMBER', { [workspaceId]: 'VIEWER' });
  }, 60_000);
  afterAll(() => bed.stop());

  const addDocument = async (person: Person, fileId: string): Promise<string> => {
    const data: Data = await person.want(
      'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }',
      { input: { workspaceId, title: 'Roses', fileId, wait: true } },
    );
    return data.addDocument.document.id;
  };
  const countOf = async (id: string): Promise<number> => {
    await bed.server.installation.services.downloads.flush();
    return ((await ada.want('query ($id: ID!) { file(id: $id) { downloadCount } }', { id })) as Data).file
      .downloadCount;
  };

  test('a link leads nowhere once its maker sees the file no more', async () => {
    const id = await uploaded(bed, bob, 'shared.txt', 'Shared roses.');
    const document = await addDocument(bob, id);
    const address = await link(eve, id);
    expect(await (await get(address)).text()).toBe('Shared roses.');
    const place = and(
      eq(memberships.organizationId, uuidOf(ada.organizationId)),
      eq(memberships.userId, uuidOf(eve.userId)),
    );
    const suspend = (suspendedAt: string | null) =>
      unitOf(bed, ada.organizationId).transact(() => database.update(memberships).set({ suspendedAt }).where(place));
    await suspend(new Date().toISOString());
    expect((await get(address)).status).toBe(404);
    await suspend(null);
    expect((await get(address)).status).toBe(200);
    await ada.want(
      'mutation ($input: RemoveWorkspaceMemberInput!) { removeWorkspaceMember(input: $input) { deletedId } }',
      { input: { workspaceId, userId: eve.userId } },
    );
    expect((await get(address)).status).toBe(404);
    const add = 'mutation ($input: AddWorkspaceMemberInput!) { addWorkspaceMember(input: $input) { member { id } } }';
    await ada.want(add, { input: { workspaceId, userId: eve.userId, role: 'VIEWER' } });
    expect((await get(address)).status).toBe(200);
    await ada.want('mutation ($id: ID!) { deleteDocument(input: { id: $id }) { deletedId } }', { id: document });
  });

  test('a link ends by its time, and when it is revoked', async () => {
    const id = await uploaded(bed, ada, 'a.txt', 'Ended roses.');
    const before = Date.now();
    const { createFileLink }: Data = await ada.want(
      'mutation ($id: ID!) { createFileLink(input: { id: $id }) { url expiresAt } }',
      { id },
    );
    expect(Date.parse(createFileLink.expiresAt) - before).toBeGreaterThanOrEqual(3_600_000);
    expect(Date.parse(createFileLink.expiresAt) - before).toBeLessThan(3_660_000);
    const past = new Date(Date.now() - 1000).toISOString();
    await unitOf(bed, null).transact(() =>
      database
        .update(accessTokens)
        .set({ expiresAt: past })
        .where(and(eq(accessTokens.subjectId, uuidOf(id)), eq(accessTokens.kind, 'FILE'))),
    );
    expect((await get(createFileLink.url)).status).toBe(404);

    const again = await link(ada, id, { expiresInSeconds: 604_800 });
    const revoke = 'mutation ($id: ID!) { revokeFileLinks(input: { id: $id }) { revoked } }';
    expect(((await ada.want(revoke, { id })) as Data).revokeFileLinks.revoked).toBe(2);
    expect((await get(again)).status).toBe(404);
    for (const expiresInSeconds of [0, -1, 604_801])
      expect(
        await ada.codes('mutation ($input: CreateFileLinkInput!) { createFileLink(input: $input) { url } }', {
          input: { id, expiresInSeconds },
        }),
      ).toEqual(['BAD_USER_INPUT']);
    const { id: awaited } = await openUpload(ada, 'later.txt', 3);
    const make = 'mutation ($id: ID!) { createFileLink(input: { id: $id }) { url } }';
    expect(await ada.codes(make, { id: awaited })).toEqual(['CONFLICT']);
    expect(await bob.codes(make, { id })).toEqual(['NOT_FOUND']);
  });

  test('others end their own links alone', async () => {
    const id = await uploaded(bed, bob, 'bobs.txt', "Bob's roses.");
    await addDocument(bob, id);
    const [bobs, eves] = [await link(bob, id), await link(eve, id)];
    const revoke = 'mutation ($id: ID!) { revokeFileLinks(input: { id: $id }) { revoked } }';
    expect(((await eve.want(revoke, { id })) as Data).revokeFileLinks.revoked).toBe(1);
    expect([(await get(bobs)).status, (await get(eves)).status]).toEqual([200, 404]);
  });

  test('a key of some workspaces links to files of those, and not to what it alone sees', async () => {
    const scopes = ['DOCUMENT_READ', 'DOCUMENT_WRITE'];
    const { secret } = await apiKeyOf(bob, { label: 'Robot', scopes, workspaceIds: [workspaceId] });
    const robot = new Person(bed, secret);
    const id = await uploaded(bed, robot, 'robot.txt', 'Roses of a robot.');
    const make = 'mutation ($id: ID!) { createFileLink(input: { id: $id }) { url } }';
    // Its member does not see the file, so that the link would lead nowhere.
    expect(await robot.codes(make, { id })).toEqual(['CONFLICT']);
    expect(await bob.codes(make, { id })).toEqual(['NOT_FOUND']);
    await addDocument(robot, id);
    expect(await (await get(await link(robot, id))).text()).toBe('Roses of a robot.');
  });

  test('a public file is for everybody until it is private, and an upload stays what it was', async () => {
    const id = await uploaded(bed, bob, 'rosés & 玫瑰.png', png, 'image/png');
    const address = await publish(bob, id);
    expect(address).toContain(`/files/${ada.organizationId}/${id}/ros%C3%A9s%20%26%20%E7%8E%AB%E7%91%B0.png`);
    const answer = await get(address);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'cache-control': 'public, max-age=300',
      'content-disposition':
        'inline; filename="ros?s & ??.png"; filename*=UTF-8\'\'ros%C3%A9s%20%26%20%E7%8E%AB%E7%91%B0.png',
      'content-type': 'image/png',
    });
    // Seen by its address, not by whoever looks for files.
    expect(await eve.codes('query ($id: ID!) { file(id: $id) { url } }', { id })).toEqual(['NOT_FOUND']);
    const stranger = await bed.signUp('Stranger');
    expect(await stranger.codes('query ($id: ID!) { file(id: $id) { url } }', { id })).toEqual(['NOT_FOUND']);
    expect((await get(address.replace(ada.organizationId, stranger.organizationId))).status).toBe(404);
    // What stands for the name is for people.
    for (const name of ['', 'x', '..', '%2e%2e', '..%2f..%2fetc%2fpasswd', 'a/b/c', '%00'])
      expect([name, (await get(address.replace(/[^/]*$/, name))).headers.get('content-type')]).toEqual([
        name,
        name === '..' || name === '%2e%2e' ? 'application/json; charset=utf-8' : 'image/png',
      ]);
    for (const path of ['', '/', '/x', `/${id}`, `/${ada.organizationId}`, `/${id}/${id}/x`, '/..%2f..%2fetc/passwd'])
      expect([path, (await get(`${bed.url}/files${path}`)).status]).toEqual([path, 404]);
    await update(bob, { id, visibility: 'PRIVATE' });
    expect((await get(address)).status).toBe(404);
    expect(
      ((await bob.want('query ($id: ID!) { file(id: $id) { url uploadedBy { id } } }', { id })) as Data).file,
    ).toEqual({
      url: null,
      uploadedBy: { id: bob.userId },
    });
  });

  test.each(['suspendedAt', 'deletedAt'] as const)(
    'nobody gets public files while %s of the organization',
    async (state) => {
      const host = await bed.signUp('Host');
      const id = await uploaded(bed, host, 'a.txt', 'Public roses.');
      const address = await publish(host, id);
      const mark = (time: string | null) =>
        unitOf(bed, null).transact(() =>
          database
            .update(organizations)
            .set({ [state]: time })
            .where(eq(organizations.id, uuidOf(host.organizationId))),
        );
      await mark(new Date().toISOString());
      expect((await get(address)).status).toBe(404);
      await mark(null);
      expect((await get(address)).status).toBe(200);
    },
  );

  test.each([
    ['a.svg', '<svg xmlns="http://www.w3.org/2000/svg"><script>x()</script></svg>', 'image/svg+xml', 'attachment'],
    ['a.html', '<html><script>x()</script></html>', 'text/html', 'attachment'],
    ['a.md', '# Roses', 'text/markdown', 'attachment'],
    ['a.txt', '<html><script>x()</script></html>', 'text/plain', 'inline'],
    ['a.png', png, 'image/png', 'inline'],
    ['a.bin', Buffer.from([0, 1, 2, 3, 255, 0, 1, 2]), 'application/octet-stream', 'attachment'],
  ] as const)('case %# of files shown or saved', async (name, content, mimeType, disposition) => {
    const id = await uploaded(bed, ada, name, content, mimeType);
    const answer = await get(await link(ada, id, { disposition: 'INLINE' }));
    expect(answer.headers.get('content-disposition')).toBe(`${disposition}; filename=${name}`);
    expect(answer.headers.get('content-type')?.split(';')[0]).toBe(mimeType);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  });

  test('downloads are counted once each, and mere looks and later parts are not', async () => {
    const id = await uploaded(bed, ada, 'counted.txt', digits);
    const address = await link(ada, id);
    for (const [headers, method] of [
      [{}, 'GET'],
      [{ range: 'bytes=0-4' }, 'GET'],
      [{ range: 'bytes=5-9' }, 'GET'],
      [{ range: 'bytes=50-' }, 'GET'],
      [{ 'if-none-match': `"${sha256(digits)}"`, 'cache-control': 'max-age=0' }, 'GET'],
      [{}, 'HEAD'],
    ] as const)
      await (await get(address, headers, method)).text();
    expect(await countOf(id)).toBe(2);
    await (await get(await publish(ada, id))).text();
    expect(await countOf(id)).toBe(3);
  });

  test('who uploaded a file and administrators change it; others do not', async () => {
    const id = await uploaded(bed, bob, 'theirs.txt', 'Their roses.');
    await addDocument(bob, id);
    const change = 'mutation ($input: UpdateFileInput!) { updateFile(input: $input) { file { name } } }';
    expect(await eve.codes(change, { input: { id, name: 'mine.txt' } })).toEqual(['FORBIDDEN']);
    expect((await update(bob, { id, name: 'ours.txt' })).updateFile.file.name).toBe('ours.txt');
    expect((await update(ada, { id, name: 'a..b.txt' })).updateFile.file.name).toBe('a..b.txt');
    for (const name of ['../x', 'a/b', 'a\\b', '..', '.', 'a\0b', 'a\nb', 'txt.\u202Egnp', '', 'x'.repeat(256)])
      for (const [mutation, input] of [
        [change, { id, name }],
        [
          'mutation ($input: CreateUploadInput!) { createUpload(input: $input) { file { id } } }',
          { name, size: 1, mimeType: 'text/plain' },
        ],
      ] as const) {
        const { errors } = await ada.ask(mutation, { input });
        expect([name, errors.map(({ extensions }) => [extensions.code, extensions.field])]).toEqual([
          name,
          [['BAD_USER_INPUT', 'name']],
        ]);
      }
  });

  test('a file in use stays, and what uses it is told', async () => {
    const id = await uploaded(bed, ada, 'used.txt', 'Used roses.');
    const document = await addDocument(ada, id);
    const refusal = async (person: Person) =>
      (await person.ask(remove, { id })).errors.map((error) => [error.extensions.code, error.message]);
    expect(await refusal(ada)).toEqual([['CONFLICT', 'The document “Roses” is made from this file.']]);
    // An earlier version of a document holds on to it, too.
    await ada.want('mutation ($input: UpdateDocumentInput!) { updateDocument(input: $input) { document { id } } }', {
      input: { id: document, text: 'Other roses.' },
    });
    expect(await refusal(ada)).toEqual([['CONFLICT', 'This file is used by an earlier version of a document.']]);
    await ada.want('mutation ($id: ID!) { deleteDocument(input: { id: $id }) { deletedId } }', { id: document });
    expect(((await ada.want(remove, { id })) as Data).deleteFile.deletedId).toBe(id);
    expect(await ada.codes(remove, { id })).toEqual(['NOT_FOUND']);
  });

  test('a list shows what its viewer sees, in three orders, by every filter', async () => {
    const host = await bed.signUp('Host');
    const place = await workspaceOf(host);
    const member = await colleagueOf(bed, host.organizationId, 'Member', 'MEMBER', { [place]: 'EDITOR' });
    await uploaded(bed, host, 'b.txt', 'aaa');
    await uploaded(bed, host, 'a.png', png, 'image/png');
    const theirs = await uploaded(bed, member, 'c.txt', 'a');
    await openUpload(member, 'd.txt', 5);
    await publish(member, theirs);
    const list = async (person: Person, args = ''): Promise<string> => {
      const { files: page }: Data = await person.want(`{ files${args} { totalCount edges { node { name } } } }`);
      const names = page.edges.map(({ node }: Data) => node.name[0]).join('');
      expect(page.totalCount).toBe(names.length);
      return names;
    };
    expect(await list(host)).toBe('dcab');
    expect(await list(member)).toBe('dc');
    expect(await list(host, '(orderBy: { field: NAME })')).toBe('abcd');
    expect(await list(host, '(orderBy: { field: SIZE, direction: DESC })')).toBe('adbc');
    const filters: Record<string, string> = {
      'name: { eq: "b.txt" }': 'b',
      'mimeType: { in: ["image/png"] }': 'a',
      'size: { lte: 3 }': 'cb',
      'status: { eq: AWAITED }': 'd',
      'visibility: { eq: PUBLIC }': 'c',
      [`uploadedBy: { eq: "${member.userId}" }`]: 'dc',
      'createdAt: { lt: "2020-01-01T00:00:00.000Z" }': '',
    };
    for (const [filter, names] of Object.entries(filters))
      expect([filter, await list(host, `(filter: { ${filter} })`)]).toEqual([filter, names]);
    const { statements, errors } = await host.ask(
      '{ files { totalCount edges { node { name url uploadedBy { name } } } } }',
    );
    expect([errors, statements.length]).toEqual([[], 3]);
  });

  test('what is stored is told in one statement, to who manages the organization', async () => {
    const host = await bed.signUp('Host');
    const member = await colleagueOf(bed, host.organizationId, 'Member', 'MEMBER');
    const question = '{ viewer { organization { storage { fileCount bytes storedBytes } } } }';
    const storage = async (): Promise<Data> => ((await host.want(question)) as Data).viewer.organization.storage;
    expect(await storage()).toEqual({ fileCount: 0, bytes: 0, storedBytes: 0 });
    await uploaded(bed, host, 'a.txt', 'aaa');
    await uploaded(bed, member, 'b.txt', 'aaa');
    await uploaded(bed, member, 'c.txt', 'cccc');
    await openUpload(member, 'd.txt', 5);
    expect(await storage()).toEqual({ fileCount: 3, bytes: 10, storedBytes: 7 });
    expect(await member.codes(question)).toEqual(['FORBIDDEN']);
    const grant =
      'mutation ($input: GrantPermissionInput!) { grantPermission(input: $input) { userPermission { id } } }';
    await host.want(grant, { input: { userId: member.userId, permission: 'ORGANIZATION_MANAGE', reason: 'x' } });
    expect(await member.codes(question)).toEqual(['FORBIDDEN']);
    const { statements } = await host.ask(question);
    expect(statements.filter((statement) => statement.includes('stored_bytes'))).toHaveLength(1);
  });

  test('an organization narrows what it takes, by what is said and by what the bytes show', async () => {
    const host = await bed.signUp('Host');
    const set = (settings: object) =>
      host.want(
        'mutation ($input: UpdateOrganizationInput!) { updateOrganization(input: $input) { organization { id } } }',
        {
          input: { settings },
        },
      );
    const opening = (input: object) =>
      host.ask('mutation ($input: CreateUploadInput!) { createUpload(input: $input) { file { id } } }', { input });
    const early = await openUpload(host, 'early.txt', 20);
    await set({ maxUploadBytes: 10, allowedFileTypes: ['image/*', 'application/pdf'] });
    const refused = async (input: object) => {
      const { errors } = await opening(input);
      return errors.map(({ extensions, message }) => [extensions.field, message]);
    };
    expect(await refused({ name: 'a.png', size: 11, mimeType: 'image/png' })).toEqual([
      ['size', 'A file has 1 to 10 bytes.'],
    ]);
    expect(await refused({ name: 'a.txt', size: 1, mimeType: 'text/plain; charset=utf-8' })).toEqual([
      [
        'mimeType',
        'This organization takes no files of the type text/plain; charset=utf-8; it takes image/*, application/pdf.',
      ],
    ]);
    expect(await refused({ name: 'a.pdf', size: 1, mimeType: 'Application/PDF' })).toEqual([]);
    // It was opened before.
    expect((await sendBytes(bed, early.url, new Uint8Array(20))).status).toBe(400);
    await set({ maxUploadBytes: null });
    const { id, url } = await openUpload(host, 'a.png', 5, 'image/png');
    const answer = await sendBytes(bed, url, Uint8Array.from(Buffer.from('Roses')));
    const told: Data = await answer.json();
    expect([answer.status, told.errors[0].message]).toEqual([
      400,
      'This organization takes no files of the type text/plain; it takes image/*, application/pdf.',
    ]);
    const { services } = bed.server.installation;
    expect(await Array.fromAsync(services.store.list(uuidOf(host.organizationId)))).toEqual([]);
    expect(await Array.fromAsync(services.store.list(`incoming/${uuidOf(host.organizationId)}`))).toEqual([]);
    const { file }: Data = await host.want('query ($id: ID!) { file(id: $id) { status } }', { id });
    expect(file.status).toBe('AWAITED');
    for (const settings of [
      { maxUploadBytes: 0 },
      { allowedFileTypes: [] },
      { allowedFileTypes: ['png'] },
      { allowedFileTypes: ['*/*'] },
      { allowedFileTypes: ['IMAGE/png'] },
    ])
      expect(
        await host.codes(
          'mutation ($input: UpdateOrganizationInput!) { updateOrganization(input: $input) { organization { id } } }',
          {
            input: { settings },
          },
        ),
      ).toEqual(['BAD_USER_INPUT']);
  });
});

test('a reader who pauses for too long is cut off', async () => {
  let closed = false;
  const endless = function* () {
    for (let sent = 0; sent < 200; sent++) yield Buffer.alloc(1_000_000);
  };
  const sending: Sending = {
    name: 'a',
    mimeType: 'text/plain',
    size: 200_000_000,
    sha256: 'a'.repeat(64),
    since: new Date(),
    disposition: 'ATTACHMENT',
    cacheControl: 'no-store',
    read: async () => Readable.from(endless()).once('close', () => (closed = true)),
    onBegun: () => undefined,
  };
  const server = createServer((request, response) => void send(request, response, sending, 300));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined).pause();
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  await pause(1500);
  expect(closed).toBe(true);
  socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});
