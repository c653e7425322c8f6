import type { ModelRow } from './tables.ts';

/** When a routing rule fits a call: all that is given has to hold, and of a list one. Ids are UUIDs. */
export interface RoutingConditions {
  /** Of a rule of the platform: organizations that it is for. */
  readonly organizationIds?: readonly string[];
  readonly workspaceIds?: readonly string[];
  readonly userIds?: readonly string[];
  readonly groupIds?: readonly string[];
  /** Models that were named; a rule without them fits calls that name none. */
  readonly modelIds?: readonly string[];
  /** Which part of the product asks, such as `answer`. */
  readonly purposes?: readonly string[];
  /** What the call needs of a model, all of it. */
  readonly capabilities?: readonly ModelRow['capabilities'][number][];
  /** Tokens of the input, at least and at most. */
  readonly minInputTokens?: number;
  readonly maxInputTokens?: number;
  /** Tags of the call. */
  readonly tags?: readonly string[];
  readonly time?: TimeOfWeek;
  /** US dollars that the call may cost; models whose worst case is dearer are passed over. Decimal text. */
  readonly maxCost?: string;
}

/** Hours of some days of the week. */
export interface TimeOfWeek {
  /** 1 is Monday, 7 is Sunday (ISO 8601). */
  readonly days: readonly number[];
  /** `HH:MM`; where the end is not after the beginning, it lies on the next day. */
  readonly from: string;
  readonly to: string;
  /** IANA name, such as `Europe/Berlin`. */
  readonly timeZone: string;
}
