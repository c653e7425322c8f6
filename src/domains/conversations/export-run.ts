import { globalId } from '../../ids.ts';
import type { JobHandler, Run } from '../../queue/queue.ts';
import { AccessEnded, requesterOf, writeFileFor, type Requester } from '../content/written-files.ts';
import type { Work } from '../services.ts';
import { formats, type Exported, type Format } from './export-formats.ts';
import { countSelected, pagesOfConversations, pagesOfMessages } from './export-reading.ts';
import { exportWork, type ExportWork } from './exporting.ts';

/** What the job of an export tells. */
interface Tally {
  conversations: number;
  messages: number;
}

/**
 * Writes conversations into a file, as far as who asked sees them at that time; the file is theirs. Its row and the job's result are written
 * together, so that a run after a crash makes no second one. `fileId` is null where there was nothing to write.
 */
export const runExport: JobHandler<Work>['run'] = async (work, data, run) => {
  if (run.kept !== null) return run.kept;
  const { selection, format, credential } = exportWork.parse(data);
  const requester = requesterOf(work, credential, 'CONVERSATION_READ');
  try {
    const unit = await requester.unit();
    const tally = { conversations: 0, messages: 0 };
    const total = await countSelected(unit, selection);
    const source = sourceOf(requester.unit, selection, run, tally, total);
    return await written(work, requester, formats[format], source, run, tally);
  } catch (error) {
    if (error instanceof AccessEnded) return { fileId: null, stopped: 'ACCESS_ENDED' };
    throw error;
  }
};

async function* sourceOf(
  unitNow: Requester['unit'],
  selection: ExportWork['selection'],
  run: Run,
  tally: Tally,
  total: number,
): AsyncGenerator<Exported> {
  let unit = await unitNow();
  // The rights are looked up anew for each page of conversations.
  const renewed = async () => (unit = await unitNow());
  for await (const page of pagesOfConversations(renewed, selection)) {
    for (const conversation of page) {
      run.signal.throwIfAborted();
      yield { conversation, pages: counted(pagesOfMessages(unit, conversation.id), tally) };
      tally.conversations++;
    }
    await run.progress(Math.min(99, (100 * tally.conversations) / Math.max(total, 1)));
  }
}

async function* counted<Row>(pages: AsyncIterable<readonly Row[]>, tally: Tally): AsyncGenerator<readonly Row[]> {
  for await (const page of pages) {
    tally.messages += page.length;
    yield page;
  }
}

const written = async (
  work: Work,
  requester: Requester,
  { write, extension, mimeType }: Format,
  source: AsyncIterable<Exported>,
  run: Run,
  tally: Tally,
): Promise<Record<string, unknown>> => {
  const file = { name: `conversations.${extension}`, mimeType };
  const result = await writeFileFor(work, requester, file, write(source), async (unit, fileId) => {
    unit.record({ action: 'conversation.exported', type: 'File', id: fileId, data: { ...tally } });
    const told = { fileId: globalId('File', fileId), ...tally };
    await run.keep(unit, told, 99);
    return told;
  });
  return result ?? { fileId: null, ...tally };
};
