import { Readable } from 'node:stream';
import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Permission } from '../../generated/resolvers.ts';
import { parseGlobalId } from '../../ids.ts';
import type { JobHandler, Revive } from '../../queue/queue.ts';
import type { Viewer } from '../context.ts';
import type { Reviving, Work } from '../services.ts';
import { scopeOf } from '../tenancy/viewers.ts';
import { viewerNow } from './bulk-run.ts';
import { place, takeIn } from './stored-bytes.ts';
import { files } from './tables.ts';

/** Whoever asked for a file may have it no longer. */
export class AccessEnded extends Error {}

/** Who asked for a file, as they stand at the time of each call. Both throw AccessEnded. */
export interface Requester {
  /** A unit that sees what the requester sees now. */
  readonly unit: () => Promise<UnitOfWork>;
  readonly viewer: () => Promise<Viewer>;
}

/** Who asked for a job's file with a credential, for whom a permission is looked up anew each time. */
export const requesterOf = (
  work: Pick<Work, 'services' | 'unit'>,
  credential: Parameters<typeof viewerNow>[1],
  permission: Permission,
): Requester => {
  const viewer = async (): Promise<Viewer> => {
    const now = await viewerNow(work, credential);
    if (now?.permissions.has(permission) !== true) throw new AccessEnded();
    return now;
  };
  return { viewer, unit: async () => work.unit.as(scopeOf(await viewer())) };
};

/**
 * Writes text, piece by piece and held nowhere as a whole, into a new file that belongs to who asked for it; the organization's administrators see it, too, as all
 * files. `settle` runs in the transaction that makes the file's row and gives what comes of all this: either both are there or neither. Null, and no file, where there
 * is no piece.
 */
export const writeFileFor = async <Result>(
  { services: { store }, unit: { organizationId } }: Pick<Work, 'services' | 'unit'>,
  requester: Requester,
  { name, mimeType }: { readonly name: string; readonly mimeType: string },
  pieces: AsyncGenerator<string>,
  settle: (unit: UnitOfWork, fileId: string) => Promise<Result>,
): Promise<Result | null> => {
  const first = await pieces.next();
  if (first.done === true) return null;
  const content = Readable.from(bytesOf(first.value, pieces), { objectMode: false });
  const arrived = await takeIn(store, { organizationId, name, mimeType, maxBytes: Number.MAX_SAFE_INTEGER }, content);
  try {
    const { self, userId: uploadedById } = await requester.viewer();
    const unit = await requester.unit();
    return await unit.transact(async () => {
      const { sha256, size } = arrived;
      // The organization's own id stands for its administrators and jobs, as with uploads.
      const row = { organizationId, readers: [self, organizationId], name, mimeType, size, sha256, uploadedById };
      const file = sole(
        await database
          .insert(files)
          .values({ ...row, status: 'STORED' })
          .returning({ id: files.id }),
      );
      await place(store, organizationId, arrived);
      return settle(unit, file.id);
    });
  } finally {
    await store.remove(arrived.aside);
  }
};

/** How a file is written for who asked by a job: one at a time, in some hours at most. Nothing is left of one that was not finished. */
export const writtenByJob = (run: JobHandler<Work>['run'], hours = 6): JobHandler<Work, Reviving> => ({
  concurrency: 1,
  retries: 3,
  expireSeconds: hours * 3600,
  run,
  giveUp: async () => undefined,
  revive: reviveWritten,
});

/** A job that had written its file has done its work, as long as the file is there; otherwise it writes another. */
const reviveWritten: Revive<Reviving> = async ({ unit: { organizationId } }, _data, { result }) => {
  const { fileId } = result ?? {};
  const uuid = typeof fileId === 'string' ? parseGlobalId(fileId)?.uuid : undefined;
  if (uuid === undefined) return { anew: true };
  const isFile = and(eq(files.organizationId, organizationId), eq(files.id, uuid));
  const rows = await database.select({ id: files.id }).from(files).where(isFile).for('key share');
  return rows.length > 0 ? {} : { anew: true };
};

async function* bytesOf(first: string, pieces: AsyncIterable<string>): AsyncGenerator<Buffer> {
  yield Buffer.from(first);
  for await (const piece of pieces) if (piece !== '') yield Buffer.from(piece);
}
