import { Conflict } from '../../errors.ts';
import type { Context } from '../context.ts';
import { changed, lockedDocument } from './document-changes.ts';
import { maxTags } from './labels.ts';
import type { DocumentRow } from './tables.ts';

/** Gives and takes tags, as they are stored. Throws NotFound, Forbidden (needs EDITOR), Conflict (too many tags, archived). */
export const tagDocument = (
  context: Context,
  { id, add, remove }: { readonly id: string; readonly add: readonly string[]; readonly remove: readonly string[] },
): Promise<DocumentRow> =>
  context.unit.transact(async (transaction) => {
    const current = await lockedDocument(context, transaction, id);
    const left = new Set([...current.tags, ...add]).difference(new Set(remove));
    if (left.size > maxTags) throw new Conflict('tags', `A document has at most ${maxTags} tags.`);
    if (left.symmetricDifference(new Set(current.tags)).size === 0) return current;
    const event = { action: 'document.tagged', data: { add, remove } };
    return changed(context, transaction, id, { tags: [...left] }, event);
  });
