import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { FileMissing, FileTooLarge, InvalidKey, RangeOutsideFile } from '../src/storage/failures.ts';
import { type FileStore, openStore } from '../src/storage/store.ts';
import { startBucketServer } from './bucket-server.ts';

const KIB = 1024;
const limits = { maxBytes: 256 * KIB };
const sha256 = (content: string | Buffer) => createHash('sha256').update(content).digest('hex');
/** In pieces of 10 KiB, as they come from a socket. */
const pieces = (content: Buffer) => Readable.from(slices(content));

function* slices(content: Buffer) {
  for (let at = 0; at < content.length; at += 10 * KIB) yield content.subarray(at, at + 10 * KIB);
}

let root: string;
let server: Awaited<ReturnType<typeof startBucketServer>>;
beforeAll(async () => {
  server = await startBucketServer();
});
afterAll(() => server.stop());
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tessera-files-'));
});
afterEach(async () => {
  server.objects.clear();
  await rm(root, { recursive: true });
});

const openDisk = () => openStore({ driver: 'fs', root });
const filesOnDisk = async () => {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
};

const credentials = { accessKeyId: 'us', secretAccessKey: 'secret' };
const bucketSettings = () =>
  ({
    driver: 's3',
    bucket: 'files',
    region: 'eu-central-1',
    endpoint: server.endpoint,
    forcePathStyle: true,
    ...credentials,
  }) as const;
const openBucket = () => openStore(bucketSettings());

const badKeys = [
  '',
  '/',
  '/etc/passwd',
  '../up',
  'a/../../up',
  'a//b',
  'a/',
  '.incoming/x',
  'a/.b',
  'a\\b',
  'a\0',
  'a b',
  'ü',
  'a?',
  'a%2e',
  'a\n',
  'x'.repeat(501),
];

const stores = [
  { kind: 'disk', open: openDisk, names: filesOnDisk },
  { kind: 'bucket', open: openBucket, names: () => Promise.resolve([...server.objects.keys()]) },
];

describe.each(stores)('a $kind', ({ open, names }) => {
  let store: FileStore;
  beforeEach(async () => {
    store = await open();
  });

  test('gives back what it took in, measured', async () => {
    const content = randomBytes(200 * KIB);
    expect(await store.write('a/b/file-1.bin', pieces(content), limits)).toEqual({
      size: 204_800,
      sha256: sha256(content),
    });
    expect((await buffer(await store.read('a/b/file-1.bin'))).equals(content)).toBe(true);
  });

  test('takes in an empty file', async () => {
    expect(await store.write('empty', Readable.from([]), limits)).toEqual({ size: 0, sha256: sha256('') });
    expect(await text(await store.read('empty'))).toBe('');
  });

  test('lists and removes what is below a folder, and nothing beside it', async () => {
    const keys = ['a/1', 'a/b/2', 'a/b/3', 'a-/4', 'b/a/5'];
    for (const key of keys) await store.write(key, Readable.from([key]), limits);

    const listed = await Array.fromAsync(store.list('a'));

    expect(listed.map(({ key, size }) => `${key} ${size}`).sort()).toEqual(['a/1 3', 'a/b/2 5', 'a/b/3 5']);
    for (const { writtenAt } of listed) expect(Math.abs(writtenAt.getTime() - Date.now())).toBeLessThan(60_000);
    await store.removeFolder('a');
    expect(await Array.fromAsync(store.list('a'))).toEqual([]);
    expect(await names()).toHaveLength(2);
    await store.removeFolder('nothing');
    await expect(store.removeFolder('../a')).rejects.toBeInstanceOf(InvalidKey);
  });

  test('reads a range, whose end is included', async () => {
    await store.write('digits', Readable.from(['0123456789']), limits);
    expect(await text(await store.read('digits', { start: 2, end: 4 }))).toBe('234');
    expect(await text(await store.read('digits', { start: 8 }))).toBe('89');
    expect(await text(await store.read('digits', { start: 9, end: 99 }))).toBe('9');
    await expect(store.read('digits', { start: 10 })).rejects.toBeInstanceOf(RangeOutsideFile);
    await expect(store.read('digits', { start: 4, end: 2 })).rejects.toBeInstanceOf(RangeOutsideFile);
  });

  test('keeps a file of just the limit and nothing of a longer one', async () => {
    await store.write('file', pieces(Buffer.alloc(limits.maxBytes)), limits);
    const longer = pieces(Buffer.alloc(limits.maxBytes + 1));
    await expect(store.write('longer', longer, limits)).rejects.toEqual(new FileTooLarge(limits.maxBytes));
    expect(longer.destroyed).toBe(true);
    expect(await names()).toHaveLength(1);
  });

  test('keeps the earlier file when the stream of the new one breaks off', async () => {
    await store.write('file', Readable.from(['earlier']), limits);
    const upload = new PassThrough();
    const writing = store.write('file', upload, limits);
    upload.write(Buffer.alloc(50 * KIB));
    setTimeout(() => upload.destroy(new Error('The connection is gone.')), 20);

    await expect(writing).rejects.toThrow('The connection is gone.');
    expect(await text(await store.read('file'))).toBe('earlier');
    expect(await names()).toHaveLength(1);
  });

  test('fails for a stream that ends without an end', async () => {
    const upload = new PassThrough();
    upload.write('half');
    setTimeout(() => upload.destroy(), 20);
    await expect(store.write('file', upload, limits)).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
    expect(await names()).toEqual([]);
  });

  test('holds one whole file when several are written to a key at once', async () => {
    const contents = Array.from({ length: 8 }, (_, index) => Buffer.alloc(100 * KIB, index));
    await Promise.all(contents.map((content) => store.write('file', pieces(content), limits)));
    const winner = await buffer(await store.read('file'));
    expect(contents.filter((content) => content.equals(winner))).toHaveLength(1);
    expect(await names()).toHaveLength(1);
  });

  test('moves, in place of what is there', async () => {
    await store.write('from', Readable.from(['new']), limits);
    await store.write('to/there', Readable.from(['old']), limits);
    await store.move('from', 'to/there');
    expect([await store.exists('from'), await store.exists('to/there')]).toEqual([false, true]);
    expect(await text(await store.read('to/there'))).toBe('new');
  });

  test('removes, also what is not there', async () => {
    await store.write('file', Readable.from(['x']), limits);
    await store.remove('file');
    await store.remove('file');
    expect(await store.exists('file')).toBe(false);
  });

  test('says that a file is missing', async () => {
    await expect(store.read('nothing')).rejects.toEqual(new FileMissing('nothing'));
    await expect(store.move('nothing', 'there')).rejects.toEqual(new FileMissing('nothing'));
    expect(await store.exists('nothing')).toBe(false);
  });

  test.each(badKeys.map((key) => ({ key, shown: JSON.stringify(key.slice(0, 20)) })))(
    'refuses the key $shown everywhere',
    async ({ key }) => {
      const refusals = [
        store.write(key, Readable.from(['x']), limits),
        store.read(key),
        store.exists(key),
        store.remove(key),
        store.move(key, 'ok'),
        store.move('ok', key),
      ];
      const outcomes = await Promise.allSettled(refusals);
      expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason instanceof InvalidKey)).toEqual(
        refusals.map(() => true),
      );
      expect(await names()).toEqual([]);
    },
  );
});

test('a disk shows a file under its name only when it is complete', async () => {
  const disk = await openDisk();
  const upload = new PassThrough();
  const writing = disk.write('file', upload, limits);
  upload.write('half');
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(await disk.exists('file')).toBe(false);
  upload.end(' and half');
  await writing;
  expect(await readFile(join(root, 'file'), 'utf8')).toBe('half and half');
});

test('a disk does not take a folder for a file', async () => {
  const disk = await openDisk();
  await disk.write('folder/file', Readable.from(['x']), limits);
  expect(await disk.exists('folder')).toBe(false);
  await expect(disk.read('folder')).rejects.toBeInstanceOf(FileMissing);
  await expect(disk.read('folder/file/below')).rejects.toBeInstanceOf(FileMissing);
  await expect(disk.write('folder', Readable.from(['x']), limits)).rejects.toMatchObject({ code: 'EISDIR' });
  expect(await filesOnDisk()).toEqual(['file']);
});

test.each(['.incoming', 'incoming/organization'])(
  'opening a disk removes what a crash left in %s a day ago, and nothing younger',
  async (folder) => {
    const incoming = join(root, folder);
    await mkdir(incoming, { recursive: true });
    const dayAgo = Date.now() / 1000 - 25 * 60 * 60;
    await Promise.all(['old', 'young'].map((name) => writeFile(join(incoming, name), 'half')));
    await utimes(join(incoming, 'old'), dayAgo, dayAgo);
    await openDisk();
    expect(await readdir(incoming)).toEqual(['young']);
  },
);

test('a bucket that does not exist is a fault, not a missing file', async () => {
  const store = await openStore({ ...bucketSettings(), bucket: 'other' });
  await expect(store.read('file')).rejects.toMatchObject({ name: 'NoSuchBucket' });
});
