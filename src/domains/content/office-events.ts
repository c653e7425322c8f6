import type { ResolversTypes } from '../../generated/resolvers.ts';
import { globalId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { discovery, scopeOf, viewerOfCredential } from '../tenancy/viewers.ts';
import { anyOfficeDocumentById, officeCommentById, officeDocumentById, officeShareById } from './office-loaders.ts';

/** What subscribers of an office document are told; rows are read at delivery. */
type OfficeDocumentNotice =
  | { readonly kind: 'saved' }
  | { readonly kind: 'unshared' }
  | { readonly kind: 'deleted' }
  | { readonly kind: 'shared'; readonly shareId: string }
  | { readonly kind: 'commented'; readonly commentId: string }
  | { readonly kind: 'comment_changed'; readonly commentId: string }
  | { readonly kind: 'comment_deleted'; readonly commentId: string };

const topicOf = (documentId: string): string => `office-document:${documentId}`;

/** Tells subscribers of an office document what the running transaction does, once it has committed. */
export const tellOfOfficeDocument = (
  { unit, services }: Context,
  documentId: string,
  notice: OfficeDocumentNotice,
): void => unit.afterCommit(() => services.bus.publish(topicOf(documentId), notice));

type Event = Awaited<ResolversTypes['OfficeDocumentEvent']>;
type Stream = AsyncIterableIterator<{ officeDocumentEvents: Event }>;

/**
 * What happens to an office document from now on, each event with the subscriber's rights at its delivery. Ends when they lose sight of it and
 * after its deletion. Between events no connection is held. Throws NotFound.
 */
export const officeDocumentEvents = async (context: Context, documentId: string): Promise<Stream> => {
  await found('OfficeDocument', documentId, officeDocumentById(context.unit));
  await context.unit.rest();
  const source = context.services.bus.subscribe(topicOf(documentId));
  let over = false;
  const finish = async (): Promise<IteratorReturnResult<undefined>> => {
    over = true;
    await source.return?.();
    await context.unit.rest();
    return { done: true, value: undefined };
  };
  const events: Stream = {
    [Symbol.asyncIterator]: () => events,
    next: async () => {
      for (;;) {
        // The event before has been delivered: what its fields have read is given back and forgotten.
        await context.unit.rest();
        const { done, value } = over ? { done: true } : await source.next();
        if (done === true || !(await looksAnew(context))) return finish();
        const document = await anyOfficeDocumentById(context.unit).load(documentId);
        if (document === null) return finish();
        over = document.deletedAt !== null;
        // The cast is safe: only this domain publishes on the topic.
        const notice: OfficeDocumentNotice = over ? { kind: 'deleted' } : (value as OfficeDocumentNotice);
        const event = await eventOf(context, documentId, notice);
        if (event !== null) return { done: false, value: { officeDocumentEvents: event } };
      }
    },
    return: finish,
  };
  return events;
};

/** Looks up the subscriber's rights anew; the context goes on with them. False for who may not see office documents any more. */
const looksAnew = async (context: Context): Promise<boolean> => {
  const { userId, organizationId, credential } = viewerOf(context);
  const looking = context.unit.as(discovery(organizationId, userId));
  const { sessions } = context.services.settings;
  const viewer = await viewerOfCredential(looking, { ...credential, organizationId, userId }, sessions);
  await looking.rest();
  if (viewer === null || !viewer.permissions.has('OFFICE_DOCUMENT_READ')) return false;
  context.viewer = viewer;
  context.unit = context.unit.as(scopeOf(viewer));
  return true;
};

/** The event as clients see it; null for what is gone again. */
const eventOf = async (context: Context, documentId: string, notice: OfficeDocumentNotice): Promise<Event | null> => {
  const { unit } = context;
  if (notice.kind === 'deleted')
    return { __typename: 'OfficeDocumentDeleted', deletedId: globalId('OfficeDocument', documentId) };
  if (notice.kind === 'comment_deleted')
    return {
      __typename: 'OfficeDocumentCommentDeleted',
      deletedId: globalId('OfficeDocumentComment', notice.commentId),
    };
  if (notice.kind === 'commented' || notice.kind === 'comment_changed') {
    const comment = await officeCommentById(unit).load(notice.commentId);
    const __typename = notice.kind === 'commented' ? 'OfficeDocumentCommented' : 'OfficeDocumentCommentChanged';
    return comment && { __typename, comment };
  }
  const document = await officeDocumentById(unit).load(documentId);
  if (document === null) return null;
  if (notice.kind === 'saved') return { __typename: 'OfficeDocumentSaved', document };
  if (notice.kind === 'unshared') return { __typename: 'OfficeDocumentUnshared', document };
  const share = await officeShareById(unit).load(notice.shareId);
  return share && { __typename: 'OfficeDocumentShared', document, share };
};
