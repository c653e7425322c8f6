import { and, count, eq, isNull, lt, or, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { nowhere, UnitOfWork, wholeOf, type Origin } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, NotFound, Unauthenticated } from '../../errors.ts';
import { newId } from '../../ids.ts';
import { hashToken, issueToken, tokenPrefix } from '../../secrets/tokens.ts';
import { viewerOf, type Context } from '../context.ts';
import type { Services } from '../services.ts';
import { organizations } from '../tenancy/tables.ts';
import { inboundEmailKeys, inboundEmailSources, type InboundEmailSourceRow } from './email-tables.ts';

const prefix = 'tsr_inbound_';
const maxLive = 20;

/** A key with its secret, which is shown once. */
export interface IssuedInboundSource {
  readonly source: InboundEmailSourceRow;
  readonly secret: string;
  readonly url: string;
}

/** Makes a key by which a mail server hands over e-mails to the organization. Throws BadUserInput, Conflict (20 live ones). */
export const createInboundEmailSource = (context: Context, label: string): Promise<IssuedInboundSource> => {
  const name = label.trim();
  if (name.length < 1 || name.length > 100 || /\p{Cc}/u.test(name) || !name.isWellFormed())
    throw new BadUserInput('label', 'A label has 1 to 100 characters on one line.');
  const { unit, services } = context;
  return unit.transact(async ({ organizationId }) => {
    // The organization stays locked, so that no two are made at a time.
    await database
      .select({ id: organizations.id })
      .from(organizations)
      .where(eq(organizations.id, organizationId))
      .for('no key update');
    const ofTenant = eq(inboundEmailSources.organizationId, organizationId);
    const { live } = sole(
      await database
        .select({ live: count() })
        .from(inboundEmailSources)
        .where(and(ofTenant, isNull(inboundEmailSources.revokedAt))),
    );
    if (live >= maxLive)
      throw new Conflict('label', `An organization has at most ${maxLive} live keys of mail servers; end one first.`, {
        limit: maxLive,
      });
    const { token, hash } = issueToken(prefix);
    const id = newId();
    const row = { organizationId, id, label: name, lastFour: token.slice(-4), createdById: viewerOf(context).userId };
    const source = sole(await database.insert(inboundEmailSources).values(row).returning());
    await database.insert(inboundEmailKeys).values({ tokenHash: hash, organizationId, keyId: id });
    unit.record({ action: 'inbound_email_source.created', type: 'InboundEmailSource', id, data: { label: name } });
    return { source, secret: token, url: `${services.address.url.replace(/\/+$/, '')}/inbound/email` };
  });
};

/** Ends a key at once. Throws NotFound. */
export const revokeInboundEmailSource = ({ unit }: Context, id: string): Promise<InboundEmailSourceRow> =>
  unit.transact(async ({ organizationId }) => {
    const isSource = and(eq(inboundEmailSources.organizationId, organizationId), eq(inboundEmailSources.id, id));
    const [source] = await database.select().from(inboundEmailSources).where(isSource).for('update');
    if (source === undefined) throw new NotFound('InboundEmailSource', id);
    if (source.revokedAt !== null) return source;
    await database
      .delete(inboundEmailKeys)
      .where(and(eq(inboundEmailKeys.organizationId, organizationId), eq(inboundEmailKeys.keyId, id)));
    unit.record({ action: 'inbound_email_source.revoked', type: 'InboundEmailSource', id });
    return sole(
      await database
        .update(inboundEmailSources)
        .set({ revokedAt: sql`now()` })
        .where(isSource)
        .returning(),
    );
  });

/**
 * The unit in which e-mails that come by a key are taken in: it sees the whole organization. Throws Unauthenticated (unknown or ended key, or an
 * organization that is deleted or suspended), RateLimited.
 */
export const unitOfSource = async (services: Services, origin: Origin, key: string): Promise<UnitOfWork> => {
  const hash = hashToken(key);
  const anonymous = new UnitOfWork(nowhere, { ...services, origin });
  const known = tokenPrefix(key) === prefix ? await anonymous.run(() => keysOf(hash)) : [];
  await anonymous.rest();
  const [found] = known;
  if (found === undefined) {
    await services.throttles.inboundKey.spend([`address ${origin.address ?? ''}`]);
    throw unknownKey();
  }
  await services.throttles.inboundEmail.spend([`source ${found.keyId}`]);
  const unit = new UnitOfWork(wholeOf(found.organizationId), { ...services, origin });
  await noteUse(unit, found.keyId);
  return unit;
};

const unknownKey = () => new Unauthenticated('This takes the key of a mail server: Authorization: Bearer <key>.');

const keysOf = async (hash: string) =>
  database
    .select({ organizationId: inboundEmailKeys.organizationId, keyId: inboundEmailKeys.keyId })
    .from(inboundEmailKeys)
    .where(eq(inboundEmailKeys.tokenHash, hash));

const noteUse = (unit: UnitOfWork, id: string): Promise<void> =>
  unit.transact(async ({ organizationId }) => {
    const [open] = await database
      .select({ id: organizations.id })
      .from(organizations)
      .where(
        and(eq(organizations.id, organizationId), isNull(organizations.deletedAt), isNull(organizations.suspendedAt)),
      );
    if (open === undefined) throw unknownKey();
    const long = lt(inboundEmailSources.lastUsedAt, sql`now() - interval '1 minute'`);
    await database
      .update(inboundEmailSources)
      .set({ lastUsedAt: sql`now()` })
      .where(
        and(
          eq(inboundEmailSources.organizationId, organizationId),
          eq(inboundEmailSources.id, id),
          or(isNull(inboundEmailSources.lastUsedAt), long),
        ),
      );
  });
