import type { UnitOfWork } from '../database/unit-of-work.ts';
import type { Queue } from '../queue/queue.ts';
import type { KeyRing } from '../secrets/encryption.ts';
import type { Mail } from './mail.ts';
import type { Transport } from './transport.ts';

/** The kind of work that sends a mail. */
export const sendMailKind = 'identity.send-mail';

/** What a mail is about: GraphQL type and UUID. */
export interface Subject {
  readonly type: string;
  readonly id: string;
}

/** Takes mails in, to be sent by a job at least once. */
export interface Postbox {
  /**
   * Posts a mail in the unit's running transaction: it is sent exactly when that commits. The unit has an organization, to which the job
   * belongs. The mail waits encrypted, for it may hold tokens. `about` is the unit's user when absent.
   */
  post(unit: UnitOfWork, mail: Mail, about?: Subject): Promise<void>;
  /** Sends what was posted by the job of this id. */
  send(sealed: string, jobId: string): Promise<void>;
}

export const openPostbox = (transport: Transport, queue: Queue, keyRing: KeyRing): Postbox => ({
  post: async (unit, mail, about = userOf(unit)) => {
    const sealed = await keyRing.encrypt(JSON.stringify(mail));
    await queue.enqueue(unit, { kind: sendMailKind, data: { sealed, ...about }, target: about });
  },
  // The cast is safe: `post` alone writes such text, and it cannot be altered without the key.
  send: async (sealed, jobId) => transport.send(JSON.parse(await keyRing.decrypt(sealed)) as Mail, jobId),
});

const userOf = ({ scope, organizationId }: UnitOfWork): Subject =>
  scope.userId === null ? { type: 'Organization', id: organizationId } : { type: 'User', id: scope.userId };
