import { count, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict } from '../../errors.ts';
import type { CreateWebhookInput, RotateWebhookSecretInput, UpdateWebhookInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { lockWebhook, ofWebhook, requireAwake, requirePlace } from './webhook-access.ts';
import { webhookColumns } from './webhook-loaders.ts';
import { checkedWebhook } from './webhook-rules.ts';
import { sendSoon } from './webhook-sending-soon.ts';
import { newSecret } from './webhook-signing.ts';
import { webhookLogs, webhookSubscriptions, type WebhookRow } from './webhook-tables.ts';

/** Webhooks of an organization: each change is held against all of them. */
const maxWebhooks = 100;
const maxKeptHours = 168;
const hourMs = 3_600_000;

/** A webhook and its secret, which nobody is shown again. */
export interface WithSecret {
  readonly webhook: WebhookRow;
  readonly secret: string;
}

const change = (organizationId: string, id: string, fields: Partial<typeof webhookSubscriptions.$inferInsert>) =>
  database.update(webhookSubscriptions).set(fields).where(ofWebhook(organizationId, id)).returning(webhookColumns);

/** Lets the log of the organization be looked through from now on, where it is not yet, and holds off others who make a webhook. */
const openLog = async (organizationId: string): Promise<void> => {
  const now = new Date().toISOString();
  await database
    .insert(webhookLogs)
    .values({ organizationId, lookedUntil: now, sweptUntil: now })
    .onConflictDoNothing();
  await database.select().from(webhookLogs).where(eq(webhookLogs.organizationId, organizationId)).for('update');
};

const requireRoom = async (organizationId: string): Promise<void> => {
  const ofOrganization = eq(webhookSubscriptions.organizationId, organizationId);
  const { total } = sole(await database.select({ total: count() }).from(webhookSubscriptions).where(ofOrganization));
  if (total >= maxWebhooks) throw new Conflict('url', `An organization has at most ${maxWebhooks} webhooks.`);
};

/** Makes a webhook. Throws BadUserInput, Conflict (archived; too many), Forbidden, NotFound (workspace). */
export const createWebhook = async (context: Context, input: CreateWebhookInput): Promise<WithSecret> => {
  const { unit, services } = context;
  const viewer = viewerOf(context);
  const { url, events, description, workspaceId = null } = input;
  const secret = newSecret();
  // Before the transaction: nothing slow belongs into one.
  const encryptedSecret = await services.keyRing.encrypt(secret);
  const webhook = await unit.transact(async ({ organizationId }) => {
    await requirePlace(context, workspaceId);
    requireAwake(viewer, workspaceId);
    const checked = checkedWebhook({ url, events, description: description ?? null }, services.settings);
    await openLog(organizationId);
    await requireRoom(organizationId);
    const row = {
      url: url.href,
      events: [...events],
      ...checked,
      organizationId,
      workspaceId,
      encryptedSecret,
      listensSince: new Date().toISOString(),
      createdById: viewer.userId,
    };
    const made = sole(await database.insert(webhookSubscriptions).values(row).returning(webhookColumns));
    unit.record({
      action: 'webhook.created',
      type: 'Webhook',
      id: made.id,
      workspaceId,
      data: { host: url.host, events: made.events },
    });
    return made;
  });
  return { webhook, secret };
};

/** Changes a webhook. A new address has not failed yet. Throws BadUserInput, Conflict (archived), Forbidden, NotFound. */
export const updateWebhook = (context: Context, { id, ...said }: UpdateWebhookInput): Promise<WebhookRow> =>
  context.unit.transact(async ({ organizationId }) => {
    const { unit, services } = context;
    const current = await lockWebhook(context, id);
    const fields = checkedWebhook(said, services.settings);
    if (Object.keys(fields).length === 0) return current;
    const moved = fields.url !== undefined && fields.url !== current.url;
    const fresh = moved ? { consecutiveFailures: 0, failingSince: null, pausedUntil: null } : {};
    const webhook = sole(await change(organizationId, id, { ...fields, ...fresh }));
    if (moved && webhook.state === 'ACTIVE') await sendSoon(unit, services.queue, [id]);
    const { workspaceId } = webhook;
    const data = { fields: Object.keys(fields) };
    unit.record({ action: 'webhook.updated', type: 'Webhook', id, workspaceId, data });
    return webhook;
  });

/** Deletes a webhook with its deliveries. Throws Conflict (archived), Forbidden, NotFound. */
export const deleteWebhook = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async ({ organizationId }) => {
    const { workspaceId, url } = await lockWebhook(context, id);
    await database.delete(webhookSubscriptions).where(ofWebhook(organizationId, id));
    const data = { host: new URL(url).host };
    context.unit.record({ action: 'webhook.deleted', type: 'Webhook', id, workspaceId, data });
    return id;
  });

/** Sends nothing until it is resumed. Throws Conflict (archived; disabled), Forbidden, NotFound. */
export const pauseWebhook = (context: Context, id: string): Promise<WebhookRow> =>
  context.unit.transact(async ({ organizationId }) => {
    const current = await lockWebhook(context, id);
    if (current.state === 'PAUSED') return current;
    if (current.state === 'DISABLED')
      throw new Conflict('id', 'This webhook is disabled: nothing is sent as it is.', { state: current.state });
    const paused = sole(await change(organizationId, id, { state: 'PAUSED', stateReason: 'REQUESTED' }));
    context.unit.record({ action: 'webhook.paused', type: 'Webhook', id, workspaceId: paused.workspaceId });
    return paused;
  });

/** Sends again, at once. A disabled one listens from now on. Throws Conflict (archived), Forbidden, NotFound. */
export const resumeWebhook = (context: Context, id: string): Promise<WebhookRow> =>
  context.unit.transact(async ({ organizationId }) => {
    const { unit, services } = context;
    const current = await lockWebhook(context, id);
    const resumed = sole(
      await change(organizationId, id, {
        state: 'ACTIVE',
        stateReason: null,
        consecutiveFailures: 0,
        failingSince: null,
        pausedUntil: null,
        ...(current.state === 'DISABLED' && { listensSince: new Date().toISOString() }),
      }),
    );
    await sendSoon(unit, services.queue, [id]);
    if (current.state !== 'ACTIVE')
      unit.record({ action: 'webhook.resumed', type: 'Webhook', id, workspaceId: resumed.workspaceId });
    return resumed;
  });

/** Gives a webhook a new secret; the one before signs too for a while. Throws BadUserInput, Conflict (archived), Forbidden, NotFound. */
export const rotateWebhookSecret = async (
  context: Context,
  { id, keepFormerHours = 24 }: RotateWebhookSecretInput,
): Promise<WithSecret> => {
  const { unit, services } = context;
  if (keepFormerHours < 0 || keepFormerHours > maxKeptHours)
    throw new BadUserInput('keepFormerHours', `A former secret is kept for 0 to ${maxKeptHours} hours.`);
  const secret = newSecret();
  const encryptedSecret = await services.keyRing.encrypt(secret);
  const webhook = await unit.transact(async ({ organizationId }) => {
    const { workspaceId } = await lockWebhook(context, id);
    const kept = keepFormerHours > 0;
    const rotated = sole(
      await change(organizationId, id, {
        encryptedSecret,
        encryptedPreviousSecret: kept ? await secretOf(organizationId, id) : null,
        previousSecretUntil: kept ? new Date(Date.now() + keepFormerHours * hourMs).toISOString() : null,
      }),
    );
    unit.record({ action: 'webhook.secret_rotated', type: 'Webhook', id, workspaceId, data: { keepFormerHours } });
    return rotated;
  });
  return { webhook, secret };
};

/** As it is stored. */
const secretOf = async (organizationId: string, id: string): Promise<string> =>
  sole(
    await database
      .select({ secret: webhookSubscriptions.encryptedSecret })
      .from(webhookSubscriptions)
      .where(ofWebhook(organizationId, id)),
  ).secret;
