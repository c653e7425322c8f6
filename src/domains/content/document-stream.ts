import { setTimeout as pause } from 'node:timers/promises';
import type { ResolversTypes } from '../../generated/resolvers.ts';
import { globalId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import { renewSubscriber } from '../tenancy/subscribers.ts';
import { documentsTopic, type DocumentNotice } from './announcing.ts';
import { documentById } from './loaders.ts';

/** How long what happens is gathered: a document that changes several times meanwhile is read and told of once. */
const gatherMs = 100;
/** Documents that are read at once. */
const batchSize = 100;
/** How old the knowledge of a subscriber's rights may be at a delivery. */
const recheckMs = 3000;

type Event = Awaited<ResolversTypes['DocumentEvent']>;

/**
 * What happens to a workspace's documents from now on, as far as the subscriber sees them when it is told. Ends when they may no longer see the
 * workspace. Between events no connection is held. Throws NotFound.
 */
export const documentEvents = async (
  context: Context,
  workspaceId: string,
): Promise<AsyncIterableIterator<{ documentEvents: Event }>> => {
  await found('Workspace', workspaceId, workspaceById(context.unit));
  await context.unit.rest();
  const gathered = new Gathered(context.services.bus.subscribe(documentsTopic(workspaceId)));
  let ready: Event[] = [];
  let checkedAt = Date.now();
  const finish = async (): Promise<IteratorReturnResult<undefined>> => {
    await gathered.stop();
    await context.unit.rest();
    return { done: true, value: undefined };
  };
  const stillVisible = async (): Promise<boolean> => {
    if (Date.now() - checkedAt < recheckMs) return true;
    checkedAt = Date.now();
    if (!(await renewSubscriber(context, 'DOCUMENT_READ'))) return false;
    const workspace = await workspaceById(context.unit).load(workspaceId);
    await context.unit.rest();
    return workspace !== null;
  };
  const events: AsyncIterableIterator<{ documentEvents: Event }> = {
    [Symbol.asyncIterator]: () => events,
    next: async () => {
      for (;;) {
        const event = ready.shift();
        if (event !== undefined) return { done: false, value: { documentEvents: event } };
        // Those before have been delivered: what their fields have read is given back.
        await context.unit.rest();
        const notices = await gathered.batch();
        if (notices === undefined || !(await stillVisible())) return finish();
        ready = await eventsOf(context, workspaceId, notices);
      }
    },
    return: finish,
  };
  return events;
};

/** The notices of a topic, the newest of each document, so that none of a burst is lost and no more of them wait than there are documents. */
class Gathered {
  readonly #source: AsyncIterableIterator<object>;
  readonly #waiting = new Map<string, DocumentNotice>();
  #ended = false;
  #failure: unknown;
  #wake: (() => void) | undefined;

  constructor(source: AsyncIterableIterator<object>) {
    this.#source = source;
    void this.#gather();
  }

  async #gather(): Promise<void> {
    try {
      // The cast is safe: only `announcing.ts` publishes on the topic.
      for await (const notice of this.#source as AsyncIterableIterator<DocumentNotice>) {
        this.#waiting.set(notice.id, notice);
        this.#wake?.();
      }
    } catch (error) {
      this.#failure = error;
    } finally {
      this.#ended = true;
      this.#wake?.();
    }
  }

  /**
   * What has gathered since, at most a batch, once there is something; undefined when nothing will come any more. Throws what the bus throws at a
   * subscriber that fell too far behind.
   */
  async batch(): Promise<DocumentNotice[] | undefined> {
    if (this.#waiting.size === 0 && !this.#ended)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#ended) await pause(gatherMs);
    if (this.#waiting.size === 0) return this.#ended ? undefined : [];
    const batch = [...this.#waiting.values()].slice(0, batchSize);
    for (const { id } of batch) this.#waiting.delete(id);
    return batch;
  }

  async stop(): Promise<void> {
    await this.#source.return?.();
  }
}

/** The events as clients see them: documents are read in one statement, with the subscriber's rights as they are now. */
const eventsOf = async (
  context: Context,
  workspaceId: string,
  notices: readonly DocumentNotice[],
): Promise<Event[]> => {
  // A fresh unit, whose loaders know nothing from before.
  context.unit = context.unit.as(context.unit.scope);
  const ids = notices.flatMap(({ kind, id }) => (kind === 'changed' ? [id] : []));
  const rows = ids.length === 0 ? new Map() : await documentById.all(context.unit, ids);
  await context.unit.rest();
  const { principals } = viewerOf(context);
  return notices.flatMap((notice): Event[] => {
    if (notice.kind === 'removed') {
      const saw = notice.readers === null || notice.readers.some((reader) => principals.includes(reader));
      return saw ? [{ __typename: 'DocumentRemoved', documentId: globalId('Document', notice.id) }] : [];
    }
    const document = rows.get(notice.id);
    return document?.workspaceId === workspaceId ? [{ __typename: 'DocumentChanged', document }] : [];
  });
};
