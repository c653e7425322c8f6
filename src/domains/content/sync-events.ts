import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Services } from '../services.ts';
import type { SyncExecutionRow, SyncQueueRow } from './sync-tables.ts';

/** Where it is told that a run of a datasource has begun, got on or ended. */
export const syncTopic = (datasourceId: string): string => `sync:${datasourceId}`;

/** Where whoever does a run hears that it was called off. */
export const cancelTopic = (executionId: string): string => `sync-cancelled:${executionId}`;

/** Tells that a run has changed, once the running transaction has committed. Nobody listens for watched documents. */
export const announce = (
  unit: UnitOfWork,
  { bus }: Pick<Services, 'bus'>,
  { datasourceId }: Pick<SyncQueueRow, 'datasourceId'>,
): void => {
  if (datasourceId !== null) unit.afterCommit(() => bus.publish(syncTopic(datasourceId), {}));
};

type Counts = Pick<SyncExecutionRow, 'found' | 'added' | 'updated' | 'unchanged' | 'removed' | 'failed'>;

/** What the log and the job tell of a run. */
export const countsOf = ({
  found,
  added,
  updated,
  unchanged,
  removed,
  failed,
}: Counts): Counts & Record<string, unknown> => ({
  found,
  added,
  updated,
  unchanged,
  removed,
  failed,
});
