import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import { FileMissing, RangeOutsideFile } from './failures.ts';
import { takeIn } from './intake.ts';
import { validKey } from './key.ts';
import { isEmpty, rangeHeader } from './range.ts';
import type { BucketSettings, FileStore, ListedFile } from './store.ts';

/** Objects in a bucket of S3 or of a server that speaks its protocol. */
export function openBucket({ bucket, accessKeyId, secretAccessKey, ...settings }: BucketSettings): FileStore {
  const client = clientOf({ accessKeyId, secretAccessKey }, settings);
  const object = (key: string) => ({ Bucket: bucket, Key: validKey(key) });

  const remove = async (key: string) => {
    await client.send(new DeleteObjectCommand(object(key)));
  };

  async function* pagesOf(folder: string): AsyncGenerator<ListedFile[]> {
    const pages = paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: `${validKey(folder)}/` });
    for await (const { Contents = [] } of pages)
      yield Contents.flatMap(({ Key, Size = 0, LastModified = new Date() }) =>
        Key === undefined ? [] : [{ key: Key, size: Size, writtenAt: LastModified }],
      );
  }

  return {
    write: async (key, content, { maxBytes }) => {
      const target = object(key);
      // Kept on the local disk first: an upload has to begin with its length and ours is not known before the end. It also
      // means that a broken upload never reaches the bucket, and that the bucket can check the hash.
      const aside = join(tmpdir(), `tessera-upload-${randomUUID()}`);
      const stored = await takeIn(content, aside, maxBytes);
      try {
        const ChecksumSHA256 = Buffer.from(stored.sha256, 'hex').toString('base64');
        const upload = { ...target, Body: createReadStream(aside), ContentLength: stored.size, ChecksumSHA256 };
        await client.send(new PutObjectCommand(upload));
      } finally {
        await rm(aside, { force: true });
      }
      return stored;
    },
    read: async (key, range) => {
      // A bucket ignores such a range and answers with the whole file.
      if (range && isEmpty(range)) throw new RangeOutsideFile(key, range.start);
      const get = new GetObjectCommand({ ...object(key), Range: range && rangeHeader(range) });
      const { Body } = await client.send(get).catch((error: unknown) => {
        if (isFailure(error, 'NoSuchKey')) throw new FileMissing(key, error);
        if (isFailure(error, 'InvalidRange')) throw new RangeOutsideFile(key, range?.start ?? 0, error);
        throw error;
      });
      if (!(Body instanceof Readable)) throw new Error('The answer of the bucket has no content.');
      return Body;
    },
    exists: async (key) => {
      const head = await client.send(new HeadObjectCommand(object(key))).catch((error: unknown) => {
        if (!isFailure(error, 'NotFound')) throw error;
      });
      return head !== undefined;
    },
    move: async (from, to) => {
      const copy = new CopyObjectCommand({ ...object(to), CopySource: `${bucket}/${validKey(from)}` });
      await client.send(copy).catch((error: unknown) => {
        throw isFailure(error, 'NoSuchKey') ? new FileMissing(from, error) : error;
      });
      await remove(from);
    },
    remove,
    list: async function* (folder) {
      for await (const page of pagesOf(folder)) yield* page;
    },
    removeFolder: async (folder) => {
      for await (const page of pagesOf(folder)) await Promise.all(page.map(({ key }) => inTurn(() => remove(key))));
    },
  };
}

/** How many files of a folder are removed at once. */
const inTurn = pLimit(10);

type Credentials = Pick<BucketSettings, 'accessKeyId' | 'secretAccessKey'>;
type Address = Pick<BucketSettings, 'region' | 'endpoint' | 'forcePathStyle'>;

const clientOf = (credentials: Credentials, { region, endpoint, forcePathStyle = false }: Address) =>
  new S3Client({
    credentials,
    region,
    forcePathStyle,
    ...(endpoint === undefined ? {} : { endpoint }),
    // We send our own checksum; the client's default is one that other servers than Amazon's may not know.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: 5_000, socketTimeout: 60_000 },
  });

const isFailure = (error: unknown, name: string) => error instanceof S3ServiceException && error.name === name;
