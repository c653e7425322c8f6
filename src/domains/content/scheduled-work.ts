import { z } from 'zod';
import { viewerOf } from '../context.ts';
import { found } from '../nodes.ts';
import { requireActive, requirePermission } from '../permissions.ts';
import { scheduled, type ScheduledWorks } from '../scheduled-work.ts';
import { datasourceById } from './sync-loaders.ts';
import { syncDatasource } from './sync-requests.ts';

/** Work of this domain that members can have begun by a clock. */
export const scheduledWork: ScheduledWorks = {
  SYNC_DATASOURCE: scheduled({
    permission: 'DATASOURCE_MANAGE',
    input: z.object({ datasourceId: z.string() }),
    ids: { datasourceId: 'Datasource' },
    check: async (context, { datasourceId }) => {
      const { workspaceId } = await found('Datasource', datasourceId, datasourceById(context.unit));
      requirePermission(viewerOf(context), 'DATASOURCE_MANAGE', workspaceId);
      requireActive(viewerOf(context), workspaceId);
    },
    begin: async ({ context }, { datasourceId }) => (await syncDatasource(context, datasourceId)).job.id,
  }),
};
