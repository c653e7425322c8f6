import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { EmailEventKind } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import type { Services } from '../services.ts';
import { discovery, scopeOf, viewerOfCredential } from '../tenancy/viewers.ts';
import { emailById } from './email-loaders.ts';
import type { EmailRow } from './email-tables.ts';
import { ownerOf } from './mailbox.ts';

/** What the owner of a mailbox is told; the rows are read at delivery, with the owner's own rights. */
interface MailboxNotice {
  readonly kind: EmailEventKind;
  /** At most 100. */
  readonly ids: readonly string[];
}

interface MailboxEvent {
  readonly kind: EmailEventKind;
  readonly emails: EmailRow[];
}

const topicOf = (organizationId: string, userId: string): string => `mailbox:${organizationId}:${userId}`;

/** Tells the owner of the unit's mailbox what the running transaction does, once it has committed. */
export const tellMailbox = (unit: UnitOfWork, { bus }: Pick<Services, 'bus'>, notice: MailboxNotice): void => {
  const topic = topicOf(unit.organizationId, ownerOf(unit));
  unit.afterCommit(() => bus.publish(topic, notice));
};

type Stream = AsyncIterableIterator<{ emailEvents: MailboxEvent }>;

/** What happens in the viewer's own mailbox from now on. Ends when they may not read e-mail any more. Between events no connection is held. */
export const emailEvents = (context: Context): Stream => {
  const { organizationId, userId } = viewerOf(context);
  const source = context.services.bus.subscribe(topicOf(organizationId, userId));
  const finish = async (): Promise<IteratorReturnResult<undefined>> => {
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
        const { done, value } = await source.next();
        if (done === true || !(await looksAnew(context))) return finish();
        // The cast is safe: only this module publishes on the topic.
        const { kind, ids } = value as MailboxNotice;
        const rows = await emailById(context.unit).loadMany([...ids]);
        const emails = rows.filter((row): row is EmailRow => row !== null && !(row instanceof Error));
        if (emails.length > 0) return { done: false, value: { emailEvents: { kind, emails } } };
      }
    },
    return: finish,
  };
  return events;
};

/** Looks up the subscriber's rights anew; the context goes on with them. False for who may not read e-mail any more. */
const looksAnew = async (context: Context): Promise<boolean> => {
  const { userId, organizationId, credential } = viewerOf(context);
  const looking = context.unit.as(discovery(organizationId, userId));
  const { sessions } = context.services.settings;
  const viewer = await viewerOfCredential(looking, { ...credential, organizationId, userId }, sessions);
  await looking.rest();
  if (viewer === null || !viewer.permissions.has('EMAIL_READ')) return false;
  context.viewer = viewer;
  context.unit = context.unit.as(scopeOf(viewer));
  return true;
};
