import { randomBytes } from 'node:crypto';
import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { NotFound } from '../../errors.ts';
import type { CreateEmbedWidgetInput, UpdateEmbedWidgetInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { requireActive, requirePermission } from '../permissions.ts';
import type { Services } from '../services.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import { checkedSettings } from './embed-settings.ts';
import { embedWidgetKeys, embedWidgets, type EmbedWidgetRow } from './embed-tables.ts';

/** The one widget with this id. */
const ofWidget = (organizationId: string, id: string) =>
  and(eq(embedWidgets.organizationId, organizationId), eq(embedWidgets.id, id));

/** The HTML that puts a widget on a page. Neither part of it needs escaping. */
export const snippetOf = ({ address }: Pick<Services, 'address'>, { publicId }: EmbedWidgetRow): string =>
  `<script src="${address.url}/embed.js" data-widget="${publicId}" async></script>`;

/** Makes a widget. Throws BadUserInput, Conflict (archived), Forbidden (needs ADMIN in the workspace), NotFound. */
export const createEmbedWidget = (
  context: Context,
  { workspaceId, name, ...said }: CreateEmbedWidgetInput,
): Promise<EmbedWidgetRow> => {
  const { unit } = context;
  const viewer = viewerOf(context);
  return unit.transact(async ({ organizationId }) => {
    await found('Workspace', workspaceId, workspaceById(unit));
    requirePermission(viewer, 'EMBED_MANAGE', workspaceId);
    requireActive(viewer, workspaceId);
    const publicId = randomBytes(12).toString('base64url');
    const row = {
      ...checkedSettings({ name, ...said }),
      organizationId,
      workspaceId,
      name: name.trim(),
      publicId,
      createdById: viewer.userId,
    };
    const widget = sole(await database.insert(embedWidgets).values(row).returning());
    await database.insert(embedWidgetKeys).values({ publicId, organizationId, widgetId: widget.id });
    unit.record({ action: 'embed_widget.created', type: 'EmbedWidget', id: widget.id, workspaceId });
    return widget;
  });
};

/** Locks a widget that its workspace's admins are about to change. */
const lockWidget = async (context: Context, id: string): Promise<EmbedWidgetRow> => {
  const viewer = viewerOf(context);
  const [widget] = await database
    .select()
    .from(embedWidgets)
    .where(ofWidget(context.unit.organizationId, id))
    .for('update');
  if (widget === undefined) throw new NotFound('EmbedWidget', id);
  requirePermission(viewer, 'EMBED_MANAGE', widget.workspaceId);
  requireActive(viewer, widget.workspaceId);
  return widget;
};

/** Changes a widget. Throws BadUserInput, Conflict (archived), Forbidden (needs ADMIN in the workspace), NotFound. */
export const updateEmbedWidget = (context: Context, { id, ...said }: UpdateEmbedWidgetInput): Promise<EmbedWidgetRow> =>
  context.unit.transact(async ({ organizationId }) => {
    const current = await lockWidget(context, id);
    const fields = checkedSettings(said);
    if (Object.keys(fields).length === 0) return current;
    const row = sole(await database.update(embedWidgets).set(fields).where(ofWidget(organizationId, id)).returning());
    const { workspaceId } = row;
    const data = { fields: Object.keys(fields) };
    context.unit.record({ action: 'embed_widget.updated', type: 'EmbedWidget', id, workspaceId, data });
    return row;
  });

/** Lets pages use a widget, or refuses them. Throws Conflict (archived), Forbidden (needs ADMIN in the workspace), NotFound. */
export const switchEmbedWidget = (context: Context, id: string, enabled: boolean): Promise<EmbedWidgetRow> =>
  context.unit.transact(async ({ organizationId }) => {
    const current = await lockWidget(context, id);
    if (current.enabled === enabled) return current;
    const changed = database.update(embedWidgets).set({ enabled }).where(ofWidget(organizationId, id)).returning();
    const row = sole(await changed);
    const action = enabled ? 'embed_widget.enabled' : 'embed_widget.disabled';
    context.unit.record({ action, type: 'EmbedWidget', id, workspaceId: row.workspaceId });
    return row;
  });

/**
 * Deletes a widget with its conversations; a trigger takes away what names them from outside the tenant. Throws Conflict (archived), Forbidden
 * (needs ADMIN in the workspace), NotFound.
 */
export const deleteEmbedWidget = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async ({ organizationId }) => {
    const { workspaceId } = await lockWidget(context, id);
    await database.delete(embedWidgets).where(ofWidget(organizationId, id));
    context.unit.record({ action: 'embed_widget.deleted', type: 'EmbedWidget', id, workspaceId });
    return id;
  });
