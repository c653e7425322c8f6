import type { UnitOfWork } from '../../database/unit-of-work.ts';

/** A text with its slash commands written out, as the model reads it. */
export const writtenOut = async (_unit: UnitOfWork, text: string): Promise<string> => text;
