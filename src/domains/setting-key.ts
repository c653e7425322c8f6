import type { z } from 'zod';
import type { Settings } from '../settings.ts';

/** Where a setting can have a value, from the widest to the narrowest, which wins. */
export const settingScopes = ['SYSTEM', 'ORGANIZATION', 'WORKSPACE', 'USER'] as const;
export type SettingScope = (typeof settingScopes)[number];

/**
 * Who is told a value: everybody whom it concerns; those who may set it; or nobody, as it is a secret that this installation alone uses.
 */
export type SettingVisibility = 'PUBLIC' | 'PROTECTED' | 'SECRET';

/** One thing that can be set. Each domain's `setting-keys.ts` exports those that it obeys. */
export interface SettingKey<Value = unknown> {
  /** Dotted words, `<subject>.<what>`; stands in the tables, and so never changes. */
  readonly key: string;
  /** For people: what it does, its unit and bounds. */
  readonly description: string;
  /** What a value has to be; stored values that are no longer so are passed over. */
  readonly shape: z.ZodType<Value>;
  readonly scopes: readonly SettingScope[];
  readonly visibility: SettingVisibility;
  /** What is in force where nothing is set. */
  readonly initial: (environment: Settings) => Value;
  /** Scopes whose value is kept in another place, with the sentence that says where it is changed. */
  readonly keptElsewhere?: Readonly<Partial<Record<SettingScope, string>>>;
}

/** Settings by their keys. */
export type SettingKeys = Readonly<Record<string, SettingKey>>;

export const settingKey = <Value>(entry: SettingKey<Value>): SettingKey<Value> => entry;

/** What a file `setting-keys.ts` exports as `settingKeys`. */
export const byKey = (...entries: readonly SettingKey[]): SettingKeys =>
  Object.fromEntries(entries.map((entry) => [entry.key, entry]));

/** Scopes at which `setSetting` sets it. */
export const settableAt = ({ scopes, keptElsewhere = {} }: SettingKey): SettingScope[] =>
  scopes.filter((scope) => keptElsewhere[scope] === undefined);

/** Whether a scope is another one or wider. */
export const reaches = (scope: SettingScope, narrower: SettingScope): boolean =>
  settingScopes.indexOf(scope) <= settingScopes.indexOf(narrower);
