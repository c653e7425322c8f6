import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { newId } from '../../ids.ts';
import type { Services } from '../services.ts';
import { memberships } from '../tenancy/tables.ts';
import { attach, type Attachable } from './attached-files.ts';
import { tellMailbox } from './email-events.ts';
import { emailFields } from './email-loaders.ts';
import { emails, type EmailParty, type EmailRow } from './email-tables.ts';
import { indexEmail, lockMailbox, ownerOf, settleThread, threadFor, unarchive } from './mailbox.ts';

/** An e-mail as each of its recipients gets it: nothing of a blind copy is in it. */
export interface ArrivingEmail {
  readonly messageId: string;
  readonly inReplyTo: string | null;
  readonly references: readonly string[];
  readonly from: EmailParty;
  readonly to: readonly EmailParty[];
  readonly cc: readonly EmailParty[];
  readonly subject: string;
  readonly text: string;
  readonly html: string | null;
}

/**
 * Puts an e-mail into the mailbox of the unit's user, in a transaction of its own; once for each Message-ID, however often it comes. `hold` gives
 * what is attached, with the bytes held for the transaction. Null where it is there already, or the user is no member any more.
 */
export const arrive = (
  unit: UnitOfWork,
  services: Services,
  { references, ...email }: ArrivingEmail,
  hold: () => Promise<readonly Attachable[]>,
): Promise<EmailRow | null> =>
  unit.transact(async ({ organizationId }) => {
    const userId = ownerOf(unit);
    await lockMailbox(unit);
    if (!(await isMember(organizationId, userId)) || (await isThere(unit, email.messageId))) return null;
    const threadId = await threadFor(unit, { ...email, references });
    const row = { ...email, references: [...references], organizationId, id: newId(), userId, threadId };
    const received = sole(
      await database
        .insert(emails)
        .values({ ...row, status: 'RECEIVED', sentAt: sql`now()` })
        .returning(emailFields),
    );
    await attach(unit, received, await hold());
    await indexEmail(unit, received.id, { ...email, bcc: [] });
    await settleThread(unit, threadId);
    await unarchive(unit, threadId);
    unit.record({ action: 'email.received', type: 'Email', id: received.id });
    tellMailbox(unit, services, { kind: 'RECEIVED', ids: [received.id] });
    return received;
  });

const isMember = async (organizationId: string, userId: string): Promise<boolean> => {
  const [member] = await database
    .select({ id: memberships.id })
    .from(memberships)
    .where(and(eq(memberships.organizationId, organizationId), eq(memberships.userId, userId)))
    .for('key share');
  return member !== undefined;
};

const isThere = async (unit: UnitOfWork, messageId: string): Promise<boolean> => {
  const [there] = await database
    .select({ id: emails.id })
    .from(emails)
    .where(
      and(
        eq(emails.organizationId, unit.organizationId),
        eq(emails.userId, ownerOf(unit)),
        eq(emails.messageId, messageId),
      ),
    );
  return there !== undefined;
};
