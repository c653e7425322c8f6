import { and, eq } from 'drizzle-orm';
import { database } from '../../src/database/client.ts';
import { sole } from '../../src/database/rows.ts';
import { rollUp } from '../../src/domains/analytics/rolling-up.ts';
import { metrics } from '../../src/domains/analytics/tables.ts';
import { unitOf as unitOfJobs } from '../../src/domains/tenancy/organization-purge.ts';
import { globalId } from '../../src/ids.ts';
import { uuidOf } from '../talk.ts';
import type { Testbed } from '../testbed.ts';

/** How many messages the workspace holds, rolled up. */
export const filledMetrics = async (
  bed: Testbed,
  organizationId: string,
  workspaceId: string,
): Promise<Record<string, string>> => {
  const unit = unitOfJobs(bed.server.installation.services, uuidOf(organizationId));
  await rollUp(unit);
  const ofWorkspace = and(
    eq(metrics.workspaceId, uuidOf(workspaceId)),
    eq(metrics.name, 'MESSAGES'),
    eq(metrics.period, 'MONTHLY'),
  );
  const { id } = sole(
    await unit.run(() => database.select({ id: metrics.id }).from(metrics).where(ofWorkspace).limit(1)),
  );
  await unit.rest();
  return { Metric: globalId('Metric', id) };
};
