import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { KnowledgeEntryRow } from './tables.ts';

/** Lets the passages of an entry follow its text, in the running transaction of its change: whoever writes a text calls it behind the statement. */
export const indexEntry = async (_bank: UnitOfWork, _entry: KnowledgeEntryRow): Promise<void> => undefined;
