import type { Logger } from 'pino';
import type { StatementListener } from '../database/client.ts';
import type { Observer } from '../telemetry/observer.ts';
import type { Counters } from './identity/counters.ts';
import type { Pool } from '../database/pool.ts';
import type { Ledger, Origin, UnitOptions } from '../database/unit-of-work.ts';
import type { DeploymentHealth } from '../ai/deployment-health.ts';
import type { Bus } from '../events/bus.ts';
import type { ShortMemory } from '../events/short-memory.ts';
import type { Postbox } from '../mail/postbox.ts';
import type { Transport } from '../mail/transport.ts';
import type { Outbound } from '../outbound/outbound.ts';
import type { JobHandler, Queue, Schedule } from '../queue/queue.ts';
import type { KeyRing } from '../secrets/encryption.ts';
import type { Settings } from '../settings.ts';
import type { FileStore } from '../storage/store.ts';
import type { AgentTools } from './agent-tool.ts';
import type { Viewer } from './context.ts';
import type { ScheduledWorks } from './scheduled-work.ts';
import type { Throttles } from './identity/throttle.ts';
import type { SettingKeys } from './setting-key.ts';
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

/** What a call of a model was made with. */
export interface UsedKey {
  readonly organizationId: string;
  /** The organization's key, or the platform's; both null where none is needed. */
  readonly providerKeyId: string | null;
  readonly platformKeyId: string | null;
}

/** Notes when keys for providers were used, to be written down later. */
export interface KeyUseNotes {
  /** Notes a call; takes no time. */
  note(used: UsedKey): void;
  /** Writes down what was noted before. */
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

/** A request of a member that was carried out. */
export interface NotedRequest {
  /** Who asked, as they were when it began. */
  readonly viewer: Pick<Viewer, 'organizationId' | 'userId' | 'credential'>;
  readonly origin: Origin;
  /** What was asked for: root fields, `createOrder` or `orders,viewer`. */
  readonly action: string;
  /** What the client calls it; null where it has no name. */
  readonly operation: string | null;
  readonly mutation: boolean;
  /** What it was about: a global id as it was sent, which may be none; null where it named nothing. */
  readonly subject: string | null;
  /** The workspace that it named, likewise. */
  readonly workspace: string | null;
  /** The GraphQL type whose global ids have a prefix; undefined for a prefix that no type has. */
  readonly typeOf: (prefix: string) => string | undefined;
  /** Milliseconds since 1970. */
  readonly beganAt: number;
  readonly durationMs: number;
  /** Code of the first error; null where there was none. */
  readonly error: string | null;
}

/** Notes what members asked for, to be written down later. */
export interface RequestNotes {
  /** Notes a request; takes no time. */
  note(request: NotedRequest): void;
  /** Writes what was noted before. What the database refuses is logged and given up. */
  flush(): Promise<void>;
}

/** Changes that were made in a database of a part's own, on their way to the log of their organization. */
export interface ChangesUnderway {
  /** Carries over what a crash or a fault left behind. */
  carryAll(signal: AbortSignal): Promise<void>;
}

/** What a process holds for all requests: made once at the start, handed to operations that need it. */
export interface Services {
  readonly settings: Settings;
  readonly log: Logger;
  /** Where clients reach this process; PUBLIC_URL, or what it listens on, and empty before that. */
  readonly address: { url: string };
  readonly pool: Pool;
  readonly ledger: Ledger;
  /** The parts of the data that have a database of their own. */
  readonly parts: NonNullable<UnitOptions['parts']>;
  /** Null where no part has a database of its own. */
  readonly outbox: ChangesUnderway | null;
  readonly bus: Bus;
  readonly queue: Queue;
  /** How each kind of job is done. */
  readonly jobs: Jobs;
  /** What agents can do, by name. */
  readonly tools: AgentTools;
  /** What members can have begun by a clock, by kind. */
  readonly scheduledWork: ScheduledWorks;
  readonly store: FileStore;
  readonly keyRing: KeyRing;
  readonly mail: Postbox;
  /** The way of e-mails between people, which a job hands over. */
  readonly letters: Pick<Transport, 'deliver' | 'domain'>;
  /** The one way to addresses that users name. */
  readonly outbound: Outbound;
  /** Where processes count together. */
  readonly counters: Counters;
  /** Bounds on tries; a count is never made while a unit is open. */
  readonly throttles: Throttles;
  readonly viewers: ViewerCache;
  /** What routing needs to know of models, keys and rules; read and forgotten in the model hub. */
  readonly routing: ShortMemory<unknown>;
  /** All that can be set, by the keys. */
  readonly settingKeys: SettingKeys;
  /** What is set; read and forgotten in the tenancy domain. */
  readonly settingMemory: ShortMemory<unknown>;
  /** How well deployments of models answer. */
  readonly health: DeploymentHealth;
  readonly activity: ActivityNotes;
  readonly downloads: DownloadNotes;
  readonly keyUses: KeyUseNotes;
  readonly searches: SearchNotes;
  /** Null where requests are not recorded. */
  readonly requests: RequestNotes | null;
  readonly onStatement: StatementListener | undefined;
  /** Notes what runs, as far as anybody wants to know. */
  readonly observer: Observer;
}

/** What a job's handler works with; its unit sees the whole organization. Each domain's `jobs.ts` exports `jobs`. */
export interface Work {
  readonly unit: UnitOfWork;
  readonly services: Services;
}

/** What a job is put back with: the same, and who wants it. */
export interface Reviving extends Work {
  readonly viewer: Viewer;
}

/** Handlers by the kind of work they do. */
export type Jobs = Readonly<Record<string, JobHandler<Work, Reviving>>>;

/** Work that comes again and again, by its kind. Each domain's `schedules.ts` exports `schedules`. */
export type Schedules = Readonly<Record<string, Schedule<Work>>>;
