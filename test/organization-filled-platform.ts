import { database } from '../src/database/client.ts';
import { jobsAlone, type UnitOfWork } from '../src/database/unit-of-work.ts';
import { cacheEntries } from '../src/domains/platform/cache-tables.ts';
import { sealUpTo } from '../src/domains/platform/event-sealing.ts';
import { dueJobSchedules, jobSchedules } from '../src/domains/platform/schedule-tables.ts';
import { organizationSettingValues, workspaceSettingValues } from '../src/domains/tenancy/setting-tables.ts';
import { firstIdAt, newId } from '../src/ids.ts';

interface PlatformPlaces {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly memberId: string;
  readonly secret: string;
  readonly sealed: string;
}

/** Fills the tables of the platform, of an organization that the unit sees whole: a seal of what its log holds, too. */
export const fillPlatform = async (
  whole: UnitOfWork,
  { organizationId, workspaceId, memberId, secret, sealed }: PlatformPlaces,
): Promise<void> => {
  await whole.transact(async () => {
    const setting = { organizationId, updatedById: memberId };
    await database.insert(organizationSettingValues).values([
      { ...setting, key: 'test.plain', value: secret },
      { ...setting, key: 'test.secret', encryptedValue: sealed },
    ]);
    await database
      .insert(workspaceSettingValues)
      .values({ ...setting, workspaceId, key: 'test.secret', encryptedValue: sealed });
    const scheduleId = newId();
    const dueAt = '2100-01-01T00:00:00Z';
    await database.insert(jobSchedules).values({
      organizationId,
      id: scheduleId,
      readers: [memberId, organizationId],
      userId: memberId,
      name: secret,
      work: 'VERIFY_EVENT_LOG',
      cron: '0 3 * * *',
      timeZone: 'Europe/Berlin',
      nextRunAt: dueAt,
    });
    await database.insert(dueJobSchedules).values({ organizationId, scheduleId, dueAt });
    const entry = { organizationId, key: 'test', value: { secret }, size: 100, expiresAt: dueAt };
    await database.insert(cacheEntries).values([
      { ...entry, ownerType: 'ORGANIZATION', ownerId: organizationId },
      { ...entry, ownerType: 'WORKSPACE', ownerId: workspaceId, workspaceId, readers: [workspaceId, organizationId] },
      { ...entry, ownerType: 'USER', ownerId: memberId, userId: memberId, readers: [memberId, jobsAlone] },
    ]);
  });
  await sealUpTo(whole, firstIdAt(Date.now() + 1000), new AbortController().signal);
};
