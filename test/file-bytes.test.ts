import { createHash } from 'node:crypto';
import { utimes } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { eq } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { nowhere, UnitOfWork } from '../src/database/unit-of-work.ts';
import { collectOrphans } from '../src/domains/content/orphans.ts';
import { files } from '../src/domains/content/tables.ts';
import { schedules } from '../src/domains/content/schedules.ts';
import { whole } from './access/cast.ts';
import { startTestbed, type Testbed } from './testbed.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { openUpload, sendBytes, sha256, uploaded } from './uploading.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

const remove = 'mutation ($id: ID!) { deleteFile(input: { id: $id }) { deletedId } }';
const lines: string[] = [];
let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;

beforeAll(async () => {
  bed = await startTestbed({ LOG_LEVEL: 'info' }, (line) => lines.push(line));
  ada = await bed.signUp('Ada');
}, 60_000);
afterAll(() => bed.stop());
afterEach(() => {
  jest.restoreAllMocks();
});

const services = () => bed.server.installation.services;
const keyOf = (bytes: Uint8Array): string => `${uuidOf(ada.organizationId)}/${sha256(bytes)}`;
const exists = (bytes: Uint8Array): Promise<boolean> => services().store.exists(keyOf(bytes));
const statusOf = async (id: string): Promise<string | null> => {
  const { data }: { data: Data } = await ada.ask('query ($id: ID!) { file(id: $id) { status } }', { id });
  return data.file?.status ?? null;
};
const collect = () => {
  const unit = new UnitOfWork(nowhere, {
    ...services(),
    origin: { requestId: 'test', address: null, userAgent: null },
  });
  return collectOrphans({ unit, services: services() }, new AbortController().signal);
};
/** A file as a sync stores it, two days ago. */
const synced = async (name: string, bytes: Uint8Array<ArrayBuffer>): Promise<string> => {
  const id = await uploaded(bed, ada, name, bytes);
  await age(keyOf(bytes));
  await ageRow(id);
  await whole(bed, ada.organizationId).transact(() =>
    database
      .update(files)
      .set({ uploadedById: null })
      .where(eq(files.id, uuidOf(id))),
  );
  return id;
};
const documentOf = async (fileId: string): Promise<void> => {
  const workspaceId = await workspaceOf(ada);
  await ada.want('mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }', {
    input: { workspaceId, title: 'Page', fileId, wait: true },
  });
};
const write = (key: string, bytes: Uint8Array) =>
  services().store.write(key, Readable.from([bytes]), { maxBytes: 1_000_000 });
/** Makes stored bytes seem as if they had been written two days ago. */
const age = async (key: string): Promise<void> => {
  const time = new Date(Date.now() - 2 * 86_400_000);
  await utimes(join(resolve(services().settings.dataDirectory, 'files'), key), time, time);
};
const ageRow = (id: string) =>
  whole(bed, ada.organizationId).transact(() =>
    database
      .update(files)
      .set({ createdAt: new Date(Date.now() - 2 * 86_400_000).toISOString() })
      .where(eq(files.id, uuidOf(id))),
  );

describe('bytes and rows at the same time', () => {
  // Whoever looks whether bytes are there acts on it a moment later.
  const dally = () => {
    const { store } = services();
    const look = store.exists.bind(store);
    jest.spyOn(store, 'exists').mockImplementation(async (key) => {
      const there = await look(key);
      await pause(40);
      return there;
    });
  };

  test('the same bytes come while the last file that has them is deleted', async () => {
    for (let round = 0; round < 12; round++) {
      const bytes = Uint8Array.from(Buffer.from(`Round ${round}`));
      const last = await uploaded(bed, ada, 'last.txt', bytes);
      const { id, url } = await openUpload(ada, 'next.txt', bytes.length);
      dally();
      // The moments lie differently in each round.
      const deletion = pause(round * 4).then(() => ada.want(remove, { id: last }));
      const [answer] = await Promise.all([sendBytes(bed, url, bytes), deletion]);
      jest.restoreAllMocks();
      expect([answer.status, await statusOf(id), await exists(bytes)]).toEqual([200, 'STORED', true]);
    }
  });

  test('the same bytes come while they are collected', async () => {
    for (let round = 0; round < 6; round++) {
      const bytes = Uint8Array.from(Buffer.from(`Orphan ${round}`));
      await write(keyOf(bytes), bytes);
      await age(keyOf(bytes));
      const { id, url } = await openUpload(ada, 'next.txt', bytes.length);
      dally();
      const [answer] = await Promise.all([sendBytes(bed, url, bytes), pause(round * 5).then(collect)]);
      jest.restoreAllMocks();
      expect([answer.status, await statusOf(id), await exists(bytes)]).toEqual([200, 'STORED', true]);
    }
  });

  test('many upload the same and delete it again', async () => {
    const bytes = Uint8Array.from(Buffer.from('Contested roses.'));
    const people = Array.from({ length: 8 }, async (_, at) => {
      for (let round = 0; round < 3; round++) {
        const id = await uploaded(bed, ada, `${at}.txt`, bytes);
        if (at > 0 || round < 2) await ada.want(remove, { id });
      }
    });
    await Promise.all(people);
    expect(await exists(bytes)).toBe(true);
  });
});

describe('a crash', () => {
  test('before bytes are under their key leaves the upload open', async () => {
    const bytes = Uint8Array.from(Buffer.from('Moved roses.'));
    const { id, url } = await openUpload(ada, 'a.txt', bytes.length);
    jest.spyOn(services().store, 'move').mockRejectedValueOnce(new Error('The disk is gone.'));
    expect((await sendBytes(bed, url, bytes)).status).toBe(500);
    expect([await statusOf(id), await exists(bytes)]).toEqual(['AWAITED', false]);
    expect((await sendBytes(bed, url, bytes)).status).toBe(200);
    expect([await statusOf(id), await exists(bytes)]).toEqual(['STORED', true]);
  });

  test('behind that, before the row says so, leaves the upload open and the bytes to be found', async () => {
    const bytes = Uint8Array.from(Buffer.from('Published roses.'));
    const { id, url } = await openUpload(ada, 'a.txt', bytes.length);
    const { store } = services();
    const move = store.move.bind(store);
    jest.spyOn(store, 'move').mockImplementationOnce(async (from, to) => {
      await move(from, to);
      throw new Error('The process is gone.');
    });
    expect((await sendBytes(bed, url, bytes)).status).toBe(500);
    expect([await statusOf(id), await exists(bytes)]).toEqual(['AWAITED', true]);
    expect((await sendBytes(bed, url, bytes)).status).toBe(200);
    expect([await statusOf(id), await exists(bytes)]).toEqual(['STORED', true]);
  });

  test('between a deletion and that of the bytes leaves them to be collected', async () => {
    const bytes = Buffer.from('Left roses.');
    const id = await uploaded(bed, ada, 'a.txt', bytes);
    jest.spyOn(services().store, 'remove').mockRejectedValueOnce(new Error('The disk is gone.'));
    await ada.want(remove, { id });
    expect([await statusOf(id), await exists(bytes)]).toEqual([null, true]);
    await age(keyOf(bytes));
    expect(await collect()).toMatchObject({ unused: 1 });
    expect(await exists(bytes)).toBe(false);
  });
});

describe('at night', () => {
  test('what nobody refers to goes when it is old, and nothing else', async () => {
    const organization = uuidOf(ada.organizationId);
    const used = Buffer.from('Used roses.');
    const [id, awaited] = [await uploaded(bed, ada, 'used.txt', used), (await openUpload(ada, 'new.txt', 3)).id];
    const over = await openUpload(ada, 'over.txt', 3);
    await ageRow(over.id);
    await age(keyOf(used));
    // What syncs brought in goes when no document is made from it any more.
    const [former, current] = [Buffer.from('Former page.'), Buffer.from('Current page.')];
    const formerId = await synced('former.txt', former);
    const currentId = await synced('current.txt', current);
    await documentOf(currentId);
    const orphan = Buffer.from('Orphan roses.');
    const kept = [
      `${organization}/exports/a.zip`,
      `${organization}/${'A'.repeat(64)}`,
      `${organization}/${'a'.repeat(63)}`,
      `avatars/organizations/${organization}/${'a'.repeat(64)}`,
      // An organization that is none, for another process may be about to make it.
      `${crypto.randomUUID()}/${'a'.repeat(64)}`,
    ];
    const gone = [keyOf(orphan), `incoming/${organization}/half`];
    for (const key of [...kept, ...gone]) await write(key, orphan).then(() => age(key));
    const young = [
      `${organization}/${createHash('sha256').update('young').digest('hex')}`,
      `incoming/${organization}/young`,
    ];
    for (const key of young) await write(key, orphan);

    expect(await collect()).toEqual({ awaited: 1, synced: 1, departed: 0, unused: 2, aside: 1, missing: 0 });
    const left = await Promise.all([...kept, ...young, keyOf(used)].map((key) => services().store.exists(key)));
    expect(left.every(Boolean)).toBe(true);
    expect(await Promise.all(gone.map((key) => services().store.exists(key)))).toEqual([false, false]);
    expect([await statusOf(formerId), await statusOf(currentId)]).toEqual([null, 'STORED']);
    expect([await exists(former), await exists(current)]).toEqual([false, true]);
    expect([await statusOf(id), await statusOf(awaited), await statusOf(over.id)]).toEqual(['STORED', 'AWAITED', null]);
    expect((await sendBytes(bed, over.url, Uint8Array.from(Buffer.from('abc')))).status).toBe(404);
    expect(await collect()).toEqual({ awaited: 0, synced: 0, departed: 0, unused: 0, aside: 0, missing: 0 });
    for (const key of [...kept, ...young]) await services().store.remove(key);
  });

  test('files whose bytes are missing are told in the log, and stay', async () => {
    const bytes = Buffer.from('Missing roses.');
    const id = await uploaded(bed, ada, 'missing.txt', bytes);
    await services().store.remove(keyOf(bytes));
    lines.length = 0;
    const unit = new UnitOfWork(nowhere, {
      ...services(),
      origin: { requestId: 'test', address: null, userAgent: null },
    });
    await schedules['content.collect-orphans']?.run({ unit, services: services() }, new AbortController().signal);
    const told = lines.map((line): Data => JSON.parse(line)).filter(({ msg }) => /missing|collected/.test(msg));
    expect(told.map(({ msg, fileIds, missing }) => [msg, fileIds ?? missing])).toEqual([
      ['The bytes of files are missing.', [uuidOf(id)]],
      ['Orphans of files were collected.', 1],
    ]);
    expect(await statusOf(id)).toBe('STORED');
    // Whoever brings the same bytes again mends it.
    await uploaded(bed, ada, 'again.txt', bytes);
    expect(await collect()).toMatchObject({ missing: 0 });
  });

  test('an organization that fails leaves the others their turn', async () => {
    const bob = await bed.signUp('Bob');
    const orphan = Buffer.from('Orphan of Bob.');
    const key = `${uuidOf(bob.organizationId)}/${sha256(orphan)}`;
    await write(key, orphan);
    await age(key);
    const { store } = services();
    const list = store.list.bind(store);
    jest.spyOn(store, 'list').mockImplementation((folder) => {
      if (folder === uuidOf(ada.organizationId)) throw new Error('The disk is gone.');
      return list(folder);
    });
    expect(await collect()).toMatchObject({ unused: 1 });
    expect(lines.some((line) => line.includes('could not be collected'))).toBe(true);
  });
});
