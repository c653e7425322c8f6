import { z } from 'zod';
import { globalId } from '../../ids.ts';
import type { JobHandler, Run } from '../../queue/queue.ts';
import { knowledgeOf } from '../knowledge/schema.ts';
import { trainingFormats } from '../knowledge/training-formats.ts';
import { countSelected, markUsed, pagesOfExamples } from '../knowledge/training-selection.ts';
import type { Work } from '../services.ts';
import { trainingExportWork, type TrainingExportWork } from './training-export.ts';
import { AccessEnded, requesterOf, writeFileFor } from '../content/written-files.ts';

/** What the job tells. */
const outcome = z.object({ fileId: z.string().nullable(), examples: z.number() });
type Outcome = z.infer<typeof outcome>;

/**
 * Writes training examples into a file, as far as who asked sees them at that time, and marks them as used once the file stands. Each is noted in the bank as its page is
 * read; the file's row and the job's result are written together, so that a run after a crash makes no second file and goes on with the marks.
 */
export const runTrainingExport: JobHandler<Work>['run'] = async (work, data, run) => {
  const asked = trainingExportWork.parse(data);
  try {
    const done = run.kept === null ? await written(work, asked, run) : outcome.parse(run.kept);
    if (asked.markUsed && done.fileId !== null) await markUsed(knowledgeOf(work.unit), run.jobId);
    return done;
  } catch (error) {
    if (error instanceof AccessEnded) return { fileId: null, examples: 0, stopped: 'ACCESS_ENDED' };
    throw error;
  }
};

const written = async (work: Work, asked: TrainingExportWork, run: Run): Promise<Outcome> => {
  const requester = requesterOf(work, asked.credential, 'TRAINING_MANAGE');
  const bank = async () => knowledgeOf(await requester.unit());
  const tally = { examples: 0 };
  const total = await countSelected(await bank(), asked);
  const pages = pagesOfExamples(bank, asked, asked.markUsed ? run.jobId : null);
  const counted = async function* () {
    for await (const page of pages) {
      run.signal.throwIfAborted();
      tally.examples += page.length;
      yield page;
      await run.progress(Math.min(90, (90 * tally.examples) / Math.max(total, 1)));
    }
  };
  const { write, extension, mimeType } = trainingFormats[asked.format];
  const file = await writeFileFor(
    work,
    requester,
    { name: `training-data.${extension}`, mimeType },
    write(counted(), asked.systemPrompt),
    async (own, id) => {
      own.record({ action: 'training_example.exported', type: 'File', id, data: { ...tally } });
      const told = { fileId: globalId('File', id), ...tally };
      await run.keep(own, told, 95);
      return told;
    },
  );
  return file ?? { fileId: null, ...tally };
};
