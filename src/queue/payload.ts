import type { Logger } from 'pino';
import type { JobWithMetadata } from 'pg-boss';
import { UnitOfWork, wholeOf, type UnitOptions } from '../database/unit-of-work.ts';
import type { Bus } from '../events/bus.ts';
import type { Asked, Observer } from '../telemetry/observer.ts';
import type { WorkRecord } from '../telemetry/work-record.ts';

/** What the queue's own row carries: enough to find the tenant and our row. */
export interface Payload {
  readonly organizationId: string;
  readonly userId: string | null;
  readonly data: Readonly<Record<string, unknown>>;
  /** What is carried out; absent in what an earlier version wrote. */
  readonly carried?: Carried;
  /** The request that asked for it; absent in what an earlier version wrote. */
  readonly asked?: Asked;
}

export interface BossOptions extends Pick<UnitOptions, 'pool' | 'ledger' | 'parts'> {
  readonly bus: Bus;
  readonly log: Logger;
  readonly observer: Observer;
}

/** A job's row and kind, and the queue's row that carries it out: when the job is put back it gets another. */
export interface Carried {
  readonly jobId: string;
  readonly queueId: string;
  readonly kind: string;
}

/** What a row of the queue carries out. */
export const carriedBy = ({ id, name, data }: Pick<JobWithMetadata<Payload>, 'id' | 'name' | 'data'>): Carried =>
  data.carried ?? { jobId: id, queueId: id, kind: name };

/** What a dead letter was to carry out, of which it is a copy. The package forgets where a letter came from as soon as its first try fails. */
export const carriedByLetter = ({ data, sourceId, sourceName }: Sourced): Carried => {
  const id = sourceId ?? '';
  return data.carried ?? { jobId: id, queueId: id, kind: sourceName ?? 'unknown' };
};
type Sourced = Pick<JobWithMetadata<Payload>, 'data'> & {
  readonly sourceId: string | null;
  readonly sourceName: string | null;
};

/** Sees the whole organization that the job belongs to, as whoever asked for it. */
export const unitOfJob = (
  { pool, ledger, parts }: BossOptions,
  { jobId }: Carried,
  { organizationId, userId, asked }: Payload,
  record?: WorkRecord,
): UnitOfWork => {
  const trace = record?.trace ?? asked?.trace;
  const origin = { requestId: `job ${jobId}`, address: null, userAgent: null, ...(trace && { trace }) };
  return new UnitOfWork(wholeOf(organizationId, userId), {
    pool,
    ledger,
    ...(parts && { parts }),
    origin,
    onStatement: record?.listener,
  });
};

/** Messages of drivers can hold values; the queue stores what is thrown. */
export const messageOf = (error: unknown): string => (Error.isError(error) ? error.name : typeof error);
