import { stringify } from 'csv-stringify/sync';
import { globalId } from '../../ids.ts';
import type { JobHandler, Run } from '../../queue/queue.ts';
import { exportDays } from '../content/written-expiry.ts';
import { AccessEnded, requesterOf, writeFileFor, type Requester } from '../content/written-files.ts';
import type { Work } from '../services.ts';
import { organizationById } from '../tenancy/loaders.ts';
import { settingsOf } from '../tenancy/organization-settings.ts';
import { activitySheet, engagementSheet, eventSheet, metricSheet, type Sheet } from './export-reading.ts';
import { summarySheet } from './export-summary.ts';
import { exportWork, terms, type AnalyticsKind, type ExportWork } from './exporting.ts';

const sheets: Readonly<Record<AnalyticsKind, Sheet>> = {
  ACTIVITIES: activitySheet,
  EVENTS: eventSheet,
  ENGAGEMENT: engagementSheet,
  METRICS: metricSheet,
  SUMMARY: summarySheet,
};

/** Rows of one file; spreadsheets take hardly more. */
const maxRows = 1_000_000;
const dayMs = 86_400_000;

/** What the job of an export tells. */
interface Tally {
  rows: number;
  /** Whether there were no more rows than a file takes. */
  complete: boolean;
}

/**
 * Writes analytics into a file as CSV, as far as who asked sees them while it is written: each page is read as that person, whose rights are looked up
 * anew before it. The file is theirs for a week. Its row and the job's result are written together, so that a run after a crash makes no second one.
 */
export const runExport: JobHandler<Work>['run'] = async (work, data, run) => {
  if (run.kept !== null) return run.kept;
  const asked = exportWork.parse(data);
  const requester = requesterOf(work, asked.credential, terms[asked.kind].permission);
  try {
    const unit = await requester.unit();
    const timeZone = await timeZoneOf(work);
    const total = Math.min(maxRows, await sheets[asked.kind].count(unit, asked, timeZone));
    const tally: Tally = { rows: 0, complete: true };
    const file = { name: `${asked.kind.toLowerCase()}.csv`, mimeType: 'text/csv' };
    const lines = linesOf(requester, asked, timeZone, run, tally, total);
    // There is always a line: that of the names.
    const result = await writeFileFor(work, requester, file, lines, async (writing, id) => {
      const expiresAt = new Date(Date.now() + exportDays * dayMs).toISOString();
      const told = { kind: asked.kind, ...tally };
      writing.record({ action: 'analytics.exported', type: 'File', id, data: told });
      const kept = { fileId: globalId('File', id), ...tally, expiresAt };
      await run.keep(writing, kept, 99);
      return kept;
    });
    return result ?? undefined;
  } catch (error) {
    if (error instanceof AccessEnded) return { fileId: null, stopped: 'ACCESS_ENDED' };
    throw error;
  }
};

const timeZoneOf = async ({ unit }: Work): Promise<string> => {
  const organization = await organizationById(unit).load(unit.organizationId);
  await unit.rest();
  return settingsOf({ settings: organization?.settings ?? {} }).timeZone;
};

async function* linesOf(
  requester: Requester,
  asked: ExportWork,
  timeZone: string,
  run: Run,
  tally: Tally,
  total: number,
): AsyncGenerator<string> {
  const sheet = sheets[asked.kind];
  yield stringify([sheet.columns]);
  for await (const page of sheet.pages(requester.unit, asked, timeZone)) {
    run.signal.throwIfAborted();
    const rows = page.slice(0, maxRows - tally.rows);
    // A cell that begins like a formula is none for a spreadsheet.
    yield stringify(rows, { escape_formulas: true, cast: { boolean: String } });
    tally.rows += rows.length;
    tally.complete = rows.length === page.length;
    if (!tally.complete) return;
    await run.progress(Math.min(99, (100 * tally.rows) / Math.max(total, 1)));
  }
}
