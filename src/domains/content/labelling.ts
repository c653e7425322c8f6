import { Conflict } from '../../errors.ts';
import type { Context } from '../context.ts';
import { changed, lockedDocument, record } from './operations.ts';
import type { DocumentRow } from './tables.ts';

/** Tags that one document has at most. */
export const maxTags = 50;

/** Gives and takes tags, which are in lower case. Throws NotFound, Forbidden (needs EDITOR), Conflict (too many tags, archived). */
export const tagDocument = (
  context: Context,
  { id, add, remove }: { readonly id: string; readonly add: readonly string[]; readonly remove: readonly string[] },
): Promise<DocumentRow> =>
  context.unit.transact(async (transaction) => {
    const current = await lockedDocument(context, transaction, id);
    const left = new Set([...current.tags, ...add]).difference(new Set(remove));
    if (left.size > maxTags) throw new Conflict('tags', `A document has at most ${maxTags} tags.`);
    if (left.symmetricDifference(new Set(current.tags)).size === 0) return current;
    const document = await changed(transaction, id, { tags: [...left] });
    record(context.unit, 'document.tagged', document, { add, remove });
    return document;
  });

/** Pins a document or lets it go. Harmless when repeated. Throws NotFound, Forbidden (needs EDITOR), Conflict (archived). */
export const pinDocument = (context: Context, id: string, pinned: boolean): Promise<DocumentRow> =>
  context.unit.transact(async (transaction) => {
    const current = await lockedDocument(context, transaction, id);
    if (current.pinned === pinned) return current;
    const document = await changed(transaction, id, { pinned });
    record(context.unit, pinned ? 'document.pinned' : 'document.unpinned', document, {});
    return document;
  });
