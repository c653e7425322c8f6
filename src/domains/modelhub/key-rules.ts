import { sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, type InputIssue } from '../../errors.ts';
import { found } from '../nodes.ts';
import { providerById } from './loaders.ts';
import type { ProviderRow } from './tables.ts';

/** What can be said of a key. Absent or null leaves it as it is; with the quotas null says that there is no bound. */
export interface KeyInput {
  readonly label?: string | null | undefined;
  readonly key?: string | null | undefined;
  /** US dollars, as decimal text. */
  readonly dailyQuota?: string | null | undefined;
  readonly monthlyQuota?: string | null | undefined;
}

const issue = (field: string, fine: boolean, message: string): InputIssue[] => (fine ? [] : [{ field, message }]);
const absent = (value: string | null | undefined): value is null | undefined => value === null || value === undefined;
const isQuota = (quota: string | null | undefined): boolean => absent(quota) || /^\d{1,12}(\.\d{1,6})?$/.test(quota);
const isLabel = (label: string): boolean => label.trim().length >= 1 && label.length <= 100 && !label.includes('\0');

/** Throws BadUserInput with all that is wrong. It never repeats the key. */
export const requireFitting = ({ label, key, dailyQuota, monthlyQuota }: KeyInput): void => {
  const quota = 'A quota is 0 or more US dollars, with at most 6 decimals.';
  const issues = [
    ...issue('label', absent(label) || isLabel(label), 'A label has 1 to 100 characters.'),
    ...issue(
      'key',
      absent(key) || /^[!-~]{8,500}$/.test(key),
      'A key has 8 to 500 printable ASCII characters without spaces.',
    ),
    ...issue('dailyQuota', isQuota(dailyQuota), quota),
    ...issue('monthlyQuota', isQuota(monthlyQuota), quota),
  ];
  if (issues.length > 0) throw new BadUserInput(issues);
};

/** The provider that a key is for. Throws NotFound, BadUserInput (it needs no key), Conflict (INACTIVE). */
export const keyedProvider = async (unit: UnitOfWork, providerId: string): Promise<ProviderRow> => {
  const provider = await found('Provider', providerId, providerById(unit));
  if (provider.dialect === 'BUILTIN') throw new BadUserInput('providerId', 'The built-in models need no key.');
  if (provider.status === 'INACTIVE') throw new Conflict('providerId', `${provider.name} is switched off.`);
  return provider;
};

/**
 * Lets the keys of one provider be changed by one transaction at a time, until it ends: of keys made default at the same time the last one is it.
 * `owner` is the organization, or `platform`.
 */
export const lockKeys = (owner: string, providerId: string): Promise<unknown> =>
  database.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`provider keys ${owner} ${providerId}`}, 0))`);

/** Says that a label is taken where a constraint did; any other failure goes on as it is. */
export const labelTaken = (error: unknown): never => {
  if (violates(error, 'provider_keys_label_key') || violates(error, 'platform_provider_keys_label_key'))
    throw new Conflict('label', 'The provider has a key of this label.');
  throw error;
};
