import type { Logger } from 'pino';
import type { StatementListener } from '../database/client.ts';
import type { Pool } from '../database/pool.ts';
import type { Ledger, Origin } from '../database/unit-of-work.ts';
import type { Bus } from '../events/bus.ts';
import type { Postbox } from '../mail/postbox.ts';
import type { Transport } from '../mail/transport.ts';
import type { Outbound } from '../outbound/outbound.ts';
import type { JobHandler, Queue, Schedule } from '../queue/queue.ts';
import type { KeyRing } from '../secrets/encryption.ts';
import type { Settings } from '../settings.ts';
import type { FileStore } from '../storage/store.ts';
import type { AgentTools } from './agent-tool.ts';
import type { ModelType } from '../generated/resolvers.ts';
import type { Viewer } from './context.ts';
import type { Throttles } from './identity/throttle.ts';
import type { UnitOfWork } from '../database/unit-of-work.ts';

/**
 * What is kept of viewers. Who takes rights away forgets them once that is committed: in this process at once, and in the others
 * within a moment, requests look anew, and so do open sockets.
 */
export interface ViewerCache {
  /** Those let in by one session, key or device. */
  forgetCredential(id: string): void;
  /** Those of one person, wherever they are. */
  forgetUser(userId: string): void;
  /** Those of one organization. */
  forgetOrganization(organizationId: string): void;
  forgetAll(): void;
}

/** A model that a name means. */
export interface NamedModel {
  readonly id: string;
  readonly type: ModelType;
}

/** Names by which programs call models. */
export interface ModelNames {
  /** The model that a name means to the unit's organization; null for none. No statement where that is known. */
  find(unit: UnitOfWork, name: string): Promise<NamedModel | null>;
}

/** Notes who was active when, to be written down later. */
export interface ActivityNotes {
  /** Notes a request of a credential; takes no time. */
  note(viewer: Viewer, origin: Origin): void;
}

/** Counts downloads of files, to be written down later. */
export interface DownloadNotes {
  /** Counts one; takes no time. */
  note(file: { readonly id: string; readonly organizationId: string }): void;
  /** Writes down what was counted before. */
  flush(): Promise<void>;
}

/** A search that was made. */
export interface NotedSearch {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly userId: string;
  readonly query: string;
  /** As it was given; null without one. */
  readonly filter: unknown;
  readonly hitCount: number;
  /** Of the best hit; null without one. */
  readonly topScore: number | null;
  readonly latencyMs: number;
}

/** Notes who searched for what, to be written down later. */
export interface SearchNotes {
  /** Notes a search; takes no time. */
  note(search: NotedSearch): void;
  /** Writes what was noted before. What fails is logged and given up. */
  flush(): Promise<void>;
}

/** What a process holds for all requests: made once at the start, handed to operations that need it. */
export interface Services {
  readonly settings: Settings;
  readonly log: Logger;
  /** Where clients reach this process; PUBLIC_URL, or what it listens on, and empty before that. */
  readonly address: { url: string };
  readonly pool: Pool;
  readonly ledger: Ledger;
  readonly bus: Bus;
  readonly queue: Queue;
  /** How each kind of job is done. */
  readonly jobs: Jobs;
  /** What agents can do, by name. */
  readonly tools: AgentTools;
  readonly store: FileStore;
  readonly keyRing: KeyRing;
  readonly mail: Postbox;
  /** The way of e-mails between people, which a job hands over. */
  readonly letters: Pick<Transport, 'deliver' | 'domain'>;
  /** The one way to addresses that users name. */
  readonly outbound: Outbound;
  /** Bounds on tries; a count is never made while a unit is open. */
  readonly throttles: Throttles;
  readonly viewers: ViewerCache;
  readonly modelNames: ModelNames;
  readonly activity: ActivityNotes;
  readonly downloads: DownloadNotes;
  readonly searches: SearchNotes;
  readonly onStatement: StatementListener | undefined;
}

/** What a job's handler works with; its unit sees the whole organization. Each domain's `jobs.ts` exports `jobs`. */
export interface Work {
  readonly unit: UnitOfWork;
  readonly services: Services;
}

/** Handlers by the kind of work they do. */
export type Jobs = Readonly<Record<string, JobHandler<Work>>>;

/** Work that comes again and again, by its kind. Each domain's `schedules.ts` exports `schedules`. */
export type Schedules = Readonly<Record<string, Schedule<Work>>>;
