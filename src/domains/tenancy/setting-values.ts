import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { bound, lazily } from '../../database/loader.ts';
import { Statement } from '../../database/statement.ts';
import { nowhere, type UnitOfWork } from '../../database/unit-of-work.ts';
import type { Announcement } from '../../events/ledger.ts';
import type { ShortMemory } from '../../events/short-memory.ts';
import type { KeyRing } from '../../secrets/encryption.ts';
import type { Settings } from '../../settings.ts';
import type { Context } from '../context.ts';
import type { Services } from '../services.ts';
import { timeZone } from './setting-keys.ts';
import { reaches, settingScopes, type SettingKey, type SettingScope } from '../setting-key.ts';
import {
  organizationSettingValues,
  systemSettingValues,
  userSettingValues,
  workspaceSettingValues,
} from './setting-tables.ts';
import { organizations } from './tables.ts';

/** What settings are read with. */
export interface SettingMeans {
  readonly unit: UnitOfWork;
  readonly services: Pick<Services, 'settings' | 'settingKeys' | 'settingMemory' | 'log'>;
}

/** For what and whom settings hold, within the unit's organization; the narrowest that is set wins. */
export interface SettingPlace {
  readonly workspaceId?: string | null;
  readonly userId?: string | null;
}

/** A value that is set somewhere. */
export interface StoredSetting {
  readonly scope: SettingScope;
  readonly key: string;
  /** As JSON; null where it is a secret. */
  readonly value: string | null;
  readonly encryptedValue: string | null;
  /** Null where it is kept elsewhere. */
  readonly updatedAt: string | null;
  readonly updatedById: string | null;
}

export type SettingOrigin = 'DEFAULT' | SettingScope;

/** The settings of one place, read at one moment. */
export class SettingValues {
  /** Where a key is set, the narrowest scope first. */
  readonly #stored: ReadonlyMap<string, readonly StoredSetting[]>;
  readonly #environment: Settings;

  constructor(stored: readonly StoredSetting[], environment: Settings) {
    const narrowestFirst = [...stored].sort(
      (one, other) => settingScopes.indexOf(other.scope) - settingScopes.indexOf(one.scope),
    );
    this.#stored = Map.groupBy(narrowestFirst, ({ key }) => key);
    this.#environment = environment;
  }

  /** The value in force. */
  of<Value>(key: SettingKey<Value>): Value {
    return this.inForce(key).value;
  }

  /** The value in force at a scope, wider ones included, and where it comes from; of a secret that is set, its default. */
  inForce<Value>(key: SettingKey<Value>, scope: SettingScope = 'USER'): { value: Value; origin: SettingOrigin } {
    const stored = this.#narrowest(key, scope);
    const initial = () => key.initial(this.#environment);
    if (stored === undefined) return { value: initial(), origin: 'DEFAULT' };
    // The cast is safe: the value was held against the shape of this key when it was read.
    const value = stored.value === null ? initial() : (JSON.parse(stored.value) as Value);
    return { value, origin: stored.scope };
  }

  /** What is set at just this scope. */
  setAt({ key }: SettingKey, scope: SettingScope): StoredSetting | undefined {
    return this.#stored.get(key)?.find((each) => each.scope === scope);
  }

  /** The secret in force, null where none is set. Throws Undecipherable, and ZodError where it no longer fits its shape. */
  async secret<Value>(keyRing: KeyRing, key: SettingKey<Value>): Promise<Value | null> {
    const encrypted = this.#narrowest(key, 'USER')?.encryptedValue ?? null;
    return encrypted === null ? null : key.shape.parse(JSON.parse(await keyRing.decrypt(encrypted)));
  }

  #narrowest({ key }: SettingKey, scope: SettingScope): StoredSetting | undefined {
    return this.#stored.get(key)?.find((each) => reaches(each.scope, scope));
  }
}

/** Reads the settings of a place, in one statement. */
export const settingsNow = async (
  { unit, services }: SettingMeans,
  { workspaceId = null, userId = null }: SettingPlace,
): Promise<SettingValues> => {
  const { organizationId, userId: seenAs } = unit.scope;
  // Nobody but themselves sees what a person has set.
  const own = userId === seenAs ? userId : null;
  const rows = await unit.select(storedStatement(), { organizationId, workspaceId, userId: own });
  return new SettingValues(
    rows.filter((row) => fits(services, row)),
    services.settings,
  );
};

/**
 * The same as it was at most 5 seconds ago, mostly without a statement. Changes of this process are seen at once, those of others within a moment,
 * and what a person has set in another of their organizations after those 5 seconds.
 */
export const settingsLately = async (means: SettingMeans, place: SettingPlace): Promise<SettingValues> => {
  const { unit, services } = means;
  const { organizationId, userId } = unit.scope;
  // The cast is safe: nobody else keeps anything in this memory. A change drops the whole map, so that what is still being read goes into one that nobody has.
  const kept = (await services.settingMemory.recall(organizationId ?? 'nobody', async () => new Map())) as Map<
    string,
    SettingValues
  >;
  const name = `${place.workspaceId ?? ''} ${place.userId === userId ? (userId ?? '') : ''}`;
  const known = kept.get(name) ?? (await settingsNow(means, place));
  kept.set(name, known);
  return known;
};

/** What holds for everybody, signed in or not. The unit of the request holds no connection for it. */
export const systemSettings = async ({
  unit,
  services,
}: Pick<Context, 'unit'> & SettingMeans): Promise<SettingValues> => {
  const reading = unit.as(nowhere);
  try {
    return await settingsLately({ unit: reading, services }, {});
  } finally {
    await reading.rest();
  }
};

/** Makes a memory forget what a recorded change of settings makes out of date: one of the installation concerns everybody. */
export const heedSettings = (
  memory: Pick<ShortMemory<unknown>, 'forget'>,
  { organizationId, action, type, id }: Announcement,
): void => {
  if (action.startsWith('setting.')) memory.forget(organizationId);
  else if (type === 'Organization') memory.forget(id);
};

/** Whether a stored value is one that its key takes now, at this scope; others are passed over, which is logged. */
const fits = ({ settingKeys, log }: SettingMeans['services'], stored: StoredSetting): boolean => {
  const { key, scope, value } = stored;
  const entry = Object.hasOwn(settingKeys, key) ? settingKeys[key] : undefined;
  const isFitting =
    entry !== undefined &&
    entry.scopes.includes(scope) &&
    (entry.visibility === 'SECRET'
      ? value === null
      : value !== null && entry.shape.safeParse(JSON.parse(value)).success);
  // The log censors what is called a key.
  if (!isFitting) log.warn({ setting: key, scope }, 'A stored setting is passed over: it is not what its key takes.');
  return isFitting;
};

type Stored = typeof organizationSettingValues | typeof workspaceSettingValues | typeof systemSettingValues;

/** Values as text, for a JSON string that looks like a number would become one in Drizzle's hands. */
const storedIn = (scope: SettingScope, table: Stored) => ({
  ...keyed(scope, table),
  encryptedValue: sql<string | null>`${table.encryptedValue}`.as('encryptedValue'),
  updatedById: sql<string | null>`${table.updatedById}`.as('updatedById'),
});

const keyed = (scope: SettingScope, { key, value, updatedAt }: Stored | typeof userSettingValues) => ({
  scope: sql<SettingScope>`${sql.raw(`'${scope}'::text`)}`.as('scope'),
  key: sql<string>`${key}`.as('key'),
  value: sql<string | null>`${value}::text`.as('value'),
  updatedAt: sql<string | null>`${updatedAt}`.as('updatedAt'),
});

const storedStatement = lazily(() =>
  Statement.select<StoredSetting>(
    database
      .select(storedIn('SYSTEM', systemSettingValues))
      .from(systemSettingValues)
      .unionAll(
        database
          .select(storedIn('ORGANIZATION', organizationSettingValues))
          .from(organizationSettingValues)
          .where(eq(organizationSettingValues.organizationId, bound.organizationId)),
      )
      .unionAll(
        database
          .select({
            scope: sql<SettingScope>`'ORGANIZATION'::text`.as('scope'),
            key: sql<string>`${sql.raw(`'${timeZone.key}'::text`)}`.as('key'),
            value: sql<string | null>`(${organizations.settings} -> 'timeZone')::text`.as('value'),
            updatedAt: sql<string | null>`null::timestamptz`.as('updatedAt'),
            encryptedValue: sql<string | null>`null::text`.as('encryptedValue'),
            updatedById: sql<string | null>`null::uuid`.as('updatedById'),
          })
          .from(organizations)
          .where(
            and(eq(organizations.id, bound.organizationId), sql`${organizations.settings} -> 'timeZone' is not null`),
          ),
      )
      .unionAll(
        database
          .select(storedIn('WORKSPACE', workspaceSettingValues))
          .from(workspaceSettingValues)
          .where(
            and(
              eq(workspaceSettingValues.organizationId, bound.organizationId),
              eq(workspaceSettingValues.workspaceId, sql.placeholder('workspaceId')),
            ),
          ),
      )
      .unionAll(
        database
          .select({
            ...keyed('USER', userSettingValues),
            encryptedValue: sql<string | null>`null::text`.as('encryptedValue'),
            updatedById: sql<string | null>`${userSettingValues.userId}`.as('updatedById'),
          })
          .from(userSettingValues)
          .where(eq(userSettingValues.userId, bound.userId)),
      ),
  ),
);
