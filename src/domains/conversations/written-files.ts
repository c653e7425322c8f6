import { Readable } from 'node:stream';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { FileStore } from '../../storage/store.ts';
import { place, takeIn, type Incoming } from '../content/stored-bytes.ts';
import { files } from '../content/tables.ts';
import type { Viewer } from '../context.ts';

/**
 * Stores what a job writes, piece by piece, as a file of the viewer's own; null when there is no piece. Only when all bytes have arrived `keeper` is asked, whose
 * file it becomes: its row is written in a transaction of theirs, and `then`, which is given the file's id, belongs to it.
 */
export const writeFile = async <Result>(
  store: FileStore,
  incoming: Omit<Incoming, 'maxBytes'>,
  pieces: AsyncGenerator<string>,
  keeper: () => Promise<{ readonly viewer: Viewer; readonly unit: UnitOfWork }>,
  then: (fileId: string, unit: UnitOfWork) => Promise<Result>,
): Promise<Result | null> => {
  const { organizationId, name, mimeType } = incoming;
  const first = await pieces.next();
  if (first.done === true) return null;
  const content = Readable.from(bytesOf(first.value, pieces), { objectMode: false });
  const arrived = await takeIn(store, { ...incoming, maxBytes: Number.MAX_SAFE_INTEGER }, content);
  try {
    const { viewer, unit } = await keeper();
    return await unit.transact(async () => {
      const { sha256, size } = arrived;
      // The organization's own id stands for its administrators and jobs, as with uploads.
      const row = { organizationId, readers: [viewer.self, organizationId], name, mimeType, size, sha256 };
      const file = sole(
        await database
          .insert(files)
          .values({ ...row, uploadedById: viewer.userId, status: 'STORED' })
          .returning({ id: files.id }),
      );
      await place(store, organizationId, arrived);
      return then(file.id, unit);
    });
  } finally {
    await store.remove(arrived.aside);
  }
};

async function* bytesOf(first: string, pieces: AsyncIterable<string>): AsyncGenerator<Buffer> {
  yield Buffer.from(first);
  for await (const piece of pieces) if (piece !== '') yield Buffer.from(piece);
}
