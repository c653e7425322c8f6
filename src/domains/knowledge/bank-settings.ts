import { eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { neededKeys } from '../modelhub/embedder.ts';
import { banks, type BankRow } from './tables.ts';

/** What decides about the passages of a bank and how they are searched. */
export interface BankSettings extends Pick<
  BankRow,
  'language' | 'embeddingModelId' | 'nextEmbeddingModelId' | 'behind'
> {}

/** What holds where no row stands for a bank. */
export const defaultSettings: BankSettings = {
  language: 'en',
  embeddingModelId: null,
  nextEmbeddingModelId: null,
  behind: false,
};

const fields = {
  language: banks.language,
  embeddingModelId: banks.embeddingModelId,
  nextEmbeddingModelId: banks.nextEmbeddingModelId,
  behind: banks.behind,
};

/** The settings of a bank in the running transaction; with a lock they stay as they are until it ends. */
export const settingsOfBank = async (
  organizationId: string,
  strength?: 'update' | 'key share',
): Promise<BankSettings> => {
  const query = database.select(fields).from(banks).where(eq(banks.organizationId, organizationId));
  const [settings] = await (strength === undefined ? query : query.for(strength));
  return settings ?? defaultSettings;
};

/** The settings of banks by the ids of their organizations; null where the defaults hold. */
export const settingsByOrganization = loadOne(
  () =>
    database
      .select({ organizationId: banks.organizationId, ...fields })
      .from(banks)
      .where(sql`${banks.organizationId} = ${bound.organizationId} and ${banks.organizationId} = any(${bound.keys})`),
  (settings) => settings.organizationId,
);

/** The keys of the models whose vectors the passages of a bank need. */
export const keysOf = (settings: BankSettings): string[] => neededKeys(settings);
