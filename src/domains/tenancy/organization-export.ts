import { Readable } from 'node:stream';
import { and, asc, eq, gt, inArray } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { nowhere, UnitOfWork, type Origin } from '../../database/unit-of-work.ts';
import { Conflict, NotFound } from '../../errors.ts';
import type { JobHandler, Revive, Run } from '../../queue/queue.ts';
import { jobs, type JobRow } from '../../queue/tables.ts';
import { zipOf, type AddFile } from '../../storage/archive.ts';
import { FileMissing } from '../../storage/failures.ts';
import type { FileStore, ListedFile } from '../../storage/store.ts';
import { viewerOf, type Context } from '../context.ts';
import { users } from '../identity/tables.ts';
import { grantToken, readToken } from '../identity/tokens.ts';
import { requirePermission } from '../permissions.ts';
import type { Reviving, Services, Work } from '../services.ts';
import { lockedOrganization } from './organization-types.ts';
import { memberships, organizations } from './tables.ts';
import { Onlooker, tenantTables } from './tenant-rows.ts';
import { discovery, viewerOfMember } from './viewers.ts';

/** The queue's name of this work. */
export const exportKind = 'tenancy.export-organization';

/** Below this folder of the organization's files its archives lie. */
const folderOf = (organizationId: string): string => `${organizationId}/exports`;

/** Where an archive lies. */
export const archiveKey = (organizationId: string, jobId: string): string => `${folderOf(organizationId)}/${jobId}.zip`;

/** What the job of an archive tells. */
interface ExportResult extends Record<string, unknown> {
  /** Stored files in it. */
  readonly files: number;
  /** Rows in it, members' profiles among them. */
  readonly rows: number;
  /** Its size. */
  readonly bytes: number;
}

/** Begins an export of the viewer's organization; gives the job's id. Throws Conflict when one is being made. */
export const exportOrganization = ({ unit, services }: Context): Promise<string> =>
  unit.transact(async ({ organizationId }) => {
    await requireNoneOpen(unit);
    const target = { type: 'Organization', id: organizationId };
    const jobId = await services.queue.enqueue(unit, { kind: exportKind, data: {}, target });
    unit.record({ action: 'organization.export_requested', type: 'Organization', id: organizationId });
    return jobId;
  });

/** One at a time. Throws Conflict. */
const requireNoneOpen = async (unit: UnitOfWork): Promise<void> => {
  await lockedOrganization(unit);
  const ofKind = and(eq(jobs.organizationId, unit.organizationId), eq(jobs.kind, exportKind));
  const open = inArray(jobs.state, ['QUEUED', 'RUNNING']);
  const [running] = await database.select({ id: jobs.id }).from(jobs).where(and(ofKind, open)).limit(1);
  if (running !== undefined) throw new Conflict('organization', 'An export of this organization is being made.');
};

/** Makes the archive: rows by the catalogue, members' profiles, files. It appears in the store complete or not at all. */
export const exportAll: JobHandler<Work>['run'] = async ({ unit, services: { store } }, _data, run) => {
  const { organizationId } = unit;
  const tally = { files: 0, rows: 0 };
  const archive = zipOf((add) => fill({ unit, store, add, run, tally }));
  const key = archiveKey(organizationId, run.jobId);
  const { size } = await store.write(key, archive, { maxBytes: Number.MAX_SAFE_INTEGER });
  const result: ExportResult = { ...tally, bytes: size };
  await unit.transact(async () =>
    unit.record({ action: 'organization.exported', type: 'Organization', id: organizationId, data: result }),
  );
  return result;
};

interface Export {
  readonly unit: UnitOfWork;
  readonly store: FileStore;
  readonly add: AddFile;
  readonly run: Run;
  readonly tally: { files: number; rows: number };
}

const fill = async (export_: Export): Promise<void> => {
  const { unit, add, run } = export_;
  await add('README.txt', Readable.from([Buffer.from(readme)]));
  await add('organization.json', Readable.from([Buffer.from(await organizationJson(unit))]));
  const tables = await tenantTables(unit);
  await unit.rest();
  const onlooker = new Onlooker(unit);
  await add('users.ndjson', lines(export_, profiles(unit)));
  for (const [at, table] of tables.entries()) {
    await add(`${table.name}.ndjson`, lines(export_, onlooker.rows(table)));
    await run.progress((50 * (at + 1)) / tables.length);
  }
  await addFiles(export_);
};

/** One line for each row. */
const lines = ({ run, tally }: Export, pages: AsyncIterable<string[]>): Readable => {
  async function* text() {
    for await (const page of pages) {
      run.signal.throwIfAborted();
      tally.rows += page.length;
      yield Buffer.from(`${page.join('\n')}\n`);
    }
  }
  return Readable.from(text(), { objectMode: false });
};

const organizationJson = async (unit: UnitOfWork): Promise<string> => {
  const { organizationId } = unit;
  const row = await unit.run(() => database.select().from(organizations).where(eq(organizations.id, organizationId)));
  await unit.rest();
  return `${JSON.stringify(sole(row), null, 2)}\n`;
};

const pageSize = 500;

/** What members see of each other. */
async function* profiles(unit: UnitOfWork): AsyncGenerator<string[]> {
  const { organizationId } = unit;
  const { id, email, username, name, bio, createdAt, updatedAt } = users;
  let after: string | undefined;
  for (;;) {
    const ofOrganization = eq(memberships.organizationId, organizationId);
    const page = await unit.run(() =>
      database
        .select({ id, email, username, name, bio, createdAt, updatedAt })
        .from(memberships)
        .innerJoin(users, eq(users.id, memberships.userId))
        .where(and(ofOrganization, after === undefined ? undefined : gt(memberships.userId, after)))
        .orderBy(asc(memberships.userId))
        .limit(pageSize),
    );
    await unit.rest();
    if (page.length > 0) yield page.map((row) => JSON.stringify(row));
    if (page.length < pageSize) return;
    after = page.at(-1)?.id;
  }
}

/** Everything the organization has in the store but its archives. */
async function* filesOf(store: FileStore, organizationId: string): AsyncGenerator<ListedFile> {
  const archives = `${folderOf(organizationId)}/`;
  for await (const file of store.list(organizationId)) if (!file.key.startsWith(archives)) yield file;
}

const addFiles = async ({ unit: { organizationId }, store, add, run, tally }: Export): Promise<void> => {
  let total = 0;
  for await (const { size } of filesOf(store, organizationId)) total += size;
  let done = 0;
  for await (const { key, size } of filesOf(store, organizationId)) {
    run.signal.throwIfAborted();
    const content = await store.read(key).catch((error: unknown) => {
      // Removed since it was listed.
      if (!(error instanceof FileMissing)) throw error;
    });
    if (content === undefined) continue;
    await add(`files/${key.slice(organizationId.length + 1)}`, content);
    const before = Math.floor((50 * done) / total);
    done += size;
    tally.files++;
    const now = Math.floor((50 * done) / total);
    if (now > before) await run.progress(Math.min(99, 50 + now));
  }
};

const readme = `What an organization has in Tessera.

organization.json   the organization itself
users.ndjson        what its members see of each other
<table>.ndjson      the rows of each table, one JSON object a line, in the order of the table's key
files/<sha256>      the bytes of stored files; rows in files.ndjson name them by "sha256"

Times are in UTC. Ids in the rows are UUIDs; the API shows them with a type in front.
Left out: passwords, keys, tokens, and every other secret or what one is checked against.
Rows that changed while the export was made are as they were when their table was read.
`;

/** An open way to an archive. */
export interface ExportDownload {
  readonly url: string;
  readonly expiresAt: string;
  /** Bytes. */
  readonly size: number;
}

const openMs = 60 * 60 * 1000;

/** Opens the way to an archive for an hour, as often as it is asked for. Throws NotFound, Conflict (not ready, or removed). */
export const createExportDownload = async (context: Context, jobId: string): Promise<ExportDownload> => {
  const { unit, services } = context;
  const { userId } = viewerOf(context);
  return unit.transact(async ({ organizationId }) => {
    const job = await exportJob(unit, jobId);
    if (job === null) throw new NotFound('Job', jobId);
    const size = sizeOf(job);
    if (size === null) throw new Conflict('jobId', 'This archive is not ready, or it has been removed.');
    const expiresAt = new Date(Date.now() + openMs);
    const token = await grantToken(unit, 'DOWNLOAD', { organizationId, userId, subjectId: jobId }, expiresAt);
    unit.record({ action: 'organization.export_opened', type: 'Job', id: jobId });
    const base = services.address.url.replace(/\/+$/, '');
    return { url: `${base}/downloads/${token}`, expiresAt: expiresAt.toISOString(), size };
  });
};

const exportJob = async (unit: UnitOfWork, jobId: string): Promise<JobRow | null> => {
  const ofJob = and(eq(jobs.organizationId, unit.organizationId), eq(jobs.id, jobId), eq(jobs.kind, exportKind));
  const [job] = await unit.run(() => database.select().from(jobs).where(ofJob));
  return job ?? null;
};

/** Bytes of a job's archive; null when there is none. */
const sizeOf = ({ state, result }: JobRow): number | null =>
  state === 'SUCCEEDED' && result !== null && result.removed !== true ? Number(result.bytes) : null;

/** An archive to be sent. */
export interface Archive {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly content: Readable;
}

/** The token itself is a secret and stays out of the message. */
const unknownToken = () => new NotFound('Download', 'of this address');

/**
 * The archive that a token opens the way to, as long as whoever got it owns the organization. Throws NotFound: unknown, expired, or the archive is gone.
 */
export const readExport = async (services: Services, origin: Origin, token: string): Promise<Archive> => {
  const anonymous = new UnitOfWork(nowhere, { ...services, origin });
  const target = await readToken(anonymous, 'DOWNLOAD', token);
  await anonymous.rest();
  if (target === null || target.organizationId === null || target.userId === null) throw unknownToken();
  const { organizationId, userId, subjectId: jobId } = target;
  const unit = new UnitOfWork(discovery(organizationId, userId), { ...services, origin });
  const viewer = await viewerOfMember(unit, { organizationId, userId });
  const job = await exportJob(unit, jobId);
  await unit.rest();
  const size = job === null ? null : sizeOf(job);
  if (viewer?.permissions.has('ORGANIZATION_OWN') !== true || size === null) throw unknownToken();
  const content = await services.store.read(archiveKey(organizationId, jobId)).catch((error: unknown) => {
    throw error instanceof FileMissing ? unknownToken() : error;
  });
  try {
    await unit.transact(async () => unit.record({ action: 'organization.export_downloaded', type: 'Job', id: jobId }));
    return { name: `export-${jobId}.zip`, size, content };
  } catch (error) {
    content.destroy();
    throw error;
  }
};

/** Only for who could ask for it now, and while no other is being made. */
export const reviveExport: Revive<Reviving> = async ({ unit, viewer }) => {
  requirePermission(viewer, 'ORGANIZATION_OWN');
  await requireNoneOpen(unit);
  return {};
};

/** Nothing is left of an archive that was not finished. */
export const giveUpExport: JobHandler<Work>['giveUp'] = async () => undefined;
