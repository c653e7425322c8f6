import { eq, and } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { Forbidden, NotFound } from '../../errors.ts';
import { viewerOf, type Context, type Viewer } from '../context.ts';
import { found } from '../nodes.ts';
import { decisionIn, requireActive, requirePermission } from '../permissions.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import { webhookColumns } from './webhook-loaders.ts';
import { webhookSubscriptions, type WebhookRow } from './webhook-tables.ts';

/** The one webhook with this id. */
export const ofWebhook = (organizationId: string, id: string) =>
  and(eq(webhookSubscriptions.organizationId, organizationId), eq(webhookSubscriptions.id, id));

/** Whether the viewer manages webhooks of a workspace that they see, or with null those of the organization. */
export const managesWebhooks = (viewer: Viewer, workspaceId: string | null): boolean =>
  workspaceId === null
    ? viewer.permissions.has('WEBHOOK_MANAGE') && viewer.holdsAllWorkspaces
    : decisionIn(viewer, 'WEBHOOK_MANAGE', workspaceId).allowed;

/** The same, or throws Forbidden. What is told of the whole organization is for those alone who see all of it. */
export const requireManager = (viewer: Viewer, workspaceId: string | null): void => {
  if (workspaceId !== null) return requirePermission(viewer, 'WEBHOOK_MANAGE', workspaceId);
  if (!managesWebhooks(viewer, null))
    throw new Forbidden('WEBHOOK_MANAGE', 'Webhooks of the whole organization are for its administrators.');
};

/** A workspace whose webhooks are to be managed, or null for the organization. Throws NotFound, Forbidden. */
export const requirePlace = async (context: Context, workspaceId: string | null): Promise<void> => {
  if (workspaceId !== null) await found('Workspace', workspaceId, workspaceById(context.unit));
  requireManager(viewerOf(context), workspaceId);
};

/** Throws Conflict where a webhook belongs to an archived workspace. */
export const requireAwake = (viewer: Viewer, workspaceId: string | null): void => {
  if (workspaceId !== null) requireActive(viewer, workspaceId);
};

/** Locks a webhook that the viewer is about to change. Throws NotFound, Forbidden, Conflict (archived). */
export const lockWebhook = async (context: Context, id: string): Promise<WebhookRow> => {
  const viewer = viewerOf(context);
  const [webhook] = await database
    .select(webhookColumns)
    .from(webhookSubscriptions)
    .where(ofWebhook(context.unit.organizationId, id))
    .for('update');
  if (webhook === undefined) throw new NotFound('Webhook', id);
  requireManager(viewer, webhook.workspaceId);
  requireAwake(viewer, webhook.workspaceId);
  return webhook;
};

/** A loader that gives only what belongs to webhooks that the viewer manages. */
export const managed =
  <Row extends { readonly workspaceId: string | null }>(
    loader: (unit: UnitOfWork) => { load(id: string): Promise<Row | null> },
  ) =>
  (unit: UnitOfWork, viewer: Viewer) => ({
    load: async (id: string): Promise<Row | null> => {
      const row = await loader(unit).load(id);
      return row !== null && managesWebhooks(viewer, row.workspaceId) ? row : null;
    },
  });
