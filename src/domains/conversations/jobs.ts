import { asItIs } from '../../queue/queue.ts';
import { writtenByJob } from '../content/written-files.ts';
import type { Jobs } from '../services.ts';
import { runExport } from './export-run.ts';
import { exportKind } from './exporting.ts';
import { parseKind } from './parsed-files.ts';
import { reviveParsing } from './parsing-revival.ts';
import { giveUpParsing, parseFile } from './parsing.ts';
import { trainingExportKind } from './training-export.ts';
import { runTrainingExport } from './training-export-run.ts';
import { trainingFeedbackKind } from './training-feedback.ts';
import { askKind, askRetries } from './scheduled-question.ts';
import { runScheduledQuestion } from './scheduled-question-run.ts';
import { runTrainingFeedback } from './training-feedback-run.ts';

/** Work of this domain that comes later. */
export const jobs: Jobs = {
  // As many as there are processes that parse.
  [parseKind]: {
    concurrency: 2,
    retries: 3,
    expireSeconds: 600,
    run: parseFile,
    giveUp: giveUpParsing,
    revive: reviveParsing,
  },
  [exportKind]: writtenByJob(runExport),
  // Examples that it took for a file that was not finished are not marked as used, and are taken again by the next export.
  [trainingExportKind]: writtenByJob(runTrainingExport),
  // As long as an agent may take, and what its try before it may have left to be waited for. An answer that is being written then is ended by the watch.
  [askKind]: {
    concurrency: 2,
    retries: askRetries,
    expireSeconds: 1800,
    run: runScheduledQuestion,
    giveUp: async () => undefined,
    // What was asked is not asked again; an answer that failed is written anew.
    revive: asItIs,
  },
  // What was made stays.
  [trainingFeedbackKind]: {
    concurrency: 1,
    retries: 3,
    expireSeconds: 6 * 3600,
    run: runTrainingFeedback,
    giveUp: async () => undefined,
    revive: asItIs,
  },
};
