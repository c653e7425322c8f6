import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Context } from '../context.ts';
import { found } from '../nodes.ts';
import { syncTopic } from './sync-events.ts';
import { datasourceById, executionList, queueByDatasource } from './sync-loaders.ts';
import type { SyncExecutionRow } from './sync-tables.ts';

const newestRun = async (unit: UnitOfWork, datasourceId: string): Promise<SyncExecutionRow | null> => {
  try {
    await found('Datasource', datasourceId, datasourceById(unit));
    const queue = await found('SyncQueue', datasourceId, queueByDatasource(unit));
    const { edges } = await executionList<SyncExecutionRow>(unit, { first: 1 }, queue.id);
    return edges[0]?.node ?? null;
  } finally {
    await unit.rest();
  }
};

/** The newest run as it is, then after each change; read anew each time, so that the viewer's rights at that moment decide. Throws NotFound. */
export async function* syncProgress(
  context: Context,
  datasourceId: string,
): AsyncGenerator<{ syncProgress: SyncExecutionRow }> {
  const changes = context.services.bus.subscribe(syncTopic(datasourceId));
  try {
    for (;;) {
      // A fresh unit, whose loaders know nothing from before the change.
      context.unit = context.unit.as(context.unit.scope);
      const execution = await newestRun(context.unit, datasourceId);
      if (execution !== null) yield { syncProgress: execution };
      // What was asked about the run has been read by now: nothing is held while waiting.
      await context.unit.rest();
      if ((await changes.next()).done === true) return;
    }
  } finally {
    await changes.return?.();
  }
}
