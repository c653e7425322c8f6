import type { z } from 'zod';
import type { Outbound } from '../../../outbound/outbound.ts';
import type { SettingKey } from '../../setting-key.ts';
import type { DatasourceRow } from '../datasource-tables.ts';

export type DatasourceKind = DatasourceRow['kind'];

/** A source as its connector is given it. */
export interface Source<Configuration> {
  readonly configuration: Configuration;
  readonly outbound: Outbound;
  /** Aborts when the run is cancelled, takes too long, or the process stops. */
  readonly signal: AbortSignal;
}

/** What a source says of the version of something, such as an ETag; equal values mean that nothing has changed. */
export type SourceVersion = Readonly<Record<string, string>>;

/** The content of one thing, to be read as an uploaded file would be. */
export interface SourceContent {
  readonly bytes: Uint8Array;
  /** As the source declares it; the bytes decide in the end. */
  readonly mimeType: string;
  /** Null: what the list said, or what the content says of itself. */
  readonly title: string | null;
  readonly version: SourceVersion | null;
}

/** How a service is reached that an organization reads many sources of. */
export interface Access {
  readonly token: string;
  readonly baseUrl: string;
}

/** One thing in a source, which becomes one document. */
export interface SourceItem {
  /** What the source calls it, for good; 1 to 1,000 characters. */
  readonly id: string;
  readonly title: string | null;
  /** Where people find it. */
  readonly uri: string | null;
  readonly version: SourceVersion | null;
  /** There when the list holds it already. */
  readonly content?: SourceContent;
}

/** Some of what is in a source. */
export interface SourcePage {
  readonly items: readonly SourceItem[];
  /** Where the next page begins, JSON, so that a run can go on in another process; null: this was the last. */
  readonly next: Readonly<Record<string, unknown>> | null;
}

/**
 * How one kind of source is read. Each file of this folder that ends in `-connector.ts` exports one as `connector`. Both calls
 * throw SourceFailure and do their own retrying of what is worth it within one call (Retry-After of at most 60 s, 5xx, broken connections).
 */
export interface Connector<Configuration> {
  readonly kind: DatasourceKind;
  /** Checks and completes what a client gives as configuration, secrets included; strict. */
  readonly configuration: z.ZodType<Configuration>;
  /** Names of the fields of the configuration that are secret: stored encrypted, never given out. */
  readonly secrets: readonly (keyof Configuration & string)[];
  /** The setting by which a source is reached that has no token of its own. */
  readonly access?: SettingKey<Access | null>;
  /** The list shows what is new alone: what is no longer listed is still there, and its documents stay. */
  readonly keepsUnlisted?: true;
  /** One page of what is there, from the start or from where the page before ended. */
  list(source: Source<Configuration>, from: Readonly<Record<string, unknown>> | null): Promise<SourcePage>;
  /** The content of something that was listed without it; UNCHANGED when it is still of the version known. */
  fetch(
    source: Source<Configuration>,
    item: Omit<SourceItem, 'content'>,
    known: SourceVersion | null,
  ): Promise<SourceContent | 'UNCHANGED' | 'GONE'>;
}

export type SourceFailureKind =
  /** The secret is wrong, or its rights do not suffice. */
  | 'UNAUTHORIZED'
  /** The source itself is not there. */
  | 'NOT_FOUND'
  /** Robots, a private address, a size limit: asking again changes nothing. */
  | 'REFUSED'
  /** Too many requests, and not to be asked for longer than a call waits. */
  | 'RATE_LIMITED'
  /** Away, broken or too slow; another time it may work. */
  | 'UNAVAILABLE'
  /** It answers something that cannot be understood. */
  | 'INVALID';

/** Why a source, or one thing in it, could not be read. The message is for a person and holds no secret. */
export class SourceFailure extends Error {
  readonly kind: SourceFailureKind;
  /** For RATE_LIMITED, as far as the source said. */
  readonly retryAfterSeconds: number | null;
  constructor(kind: SourceFailureKind, message: string, retryAfterSeconds: number | null = null, cause?: unknown) {
    super(message, { cause });
    this.name = 'SourceFailure';
    this.kind = kind;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
