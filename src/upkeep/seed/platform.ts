import { createHash } from 'node:crypto';
import { jobsAlone } from '../../database/unit-of-work.ts';
import { cacheEntries } from '../../domains/platform/cache-tables.ts';
import { dueJobSchedules, jobSchedules } from '../../domains/platform/schedule-tables.ts';
import {
  webhookAttempts,
  webhookDeliveries,
  webhookLogs,
  webhookSubscriptions,
} from '../../domains/platform/webhook-tables.ts';
import {
  organizationSettingValues,
  systemSettingValues,
  userSettingValues,
  workspaceSettingValues,
} from '../../domains/tenancy/setting-tables.ts';
import { jobs } from '../../queue/tables.ts';
import { madeAt, momentOf, rows, sampleId } from './chance.ts';
import { organizationId, userOf, workspaceOf } from './company.ts';
import type { Fill } from './fill.ts';
import { conversationIdOf, settingOf } from './talk.ts';

/** When what has an end or is due has and is: not while anybody looks at the sample. */
const farOff = '2100-01-01T00:00:00.000Z';
const base = { ...madeAt(0, 1), organizationId };

/** A value at each scope; that of the system is what is in force anyway. */
export const fillSettings = async ({ size, put }: Fill): Promise<void> => {
  const { organizationId: _of, ...moments } = base;
  const theme = { key: 'interface.theme', value: 'SYSTEM' };
  await put(systemSettingValues, [{ ...moments, ...theme, id: sampleId('system setting', 0) }], 'unless there');
  const ofOwner = { ...base, updatedById: userOf(0) };
  const prompt = 'You answer for Sample Company. Be short.';
  await put(organizationSettingValues, [
    { ...ofOwner, id: sampleId('organization setting', 0), key: 'product.name', value: 'Sample Company' },
    { ...ofOwner, id: sampleId('organization setting', 1), key: 'chat.default_system_prompt', value: prompt },
  ]);
  await put(
    workspaceSettingValues,
    rows(size.workspaces, (number) => ({
      ...ofOwner,
      id: sampleId('workspace setting', number),
      workspaceId: workspaceOf(number),
      key: 'clock.time_zone',
      value: 'Europe/Berlin',
    })),
  );
  await put(
    userSettingValues,
    rows(size.users, (number) => ({
      ...moments,
      id: sampleId('user setting', number),
      userId: userOf(number),
      key: 'interface.theme',
      value: number % 2 === 0 ? 'DARK' : 'LIGHT',
    })),
  );
};

/** What the platform keeps for an organization; nothing of it sends or begins anything. */
export const fillPlatform = async (fill: Fill): Promise<void> => {
  await fillCache(fill);
  await fillSchedules(fill);
  await fillWebhooks(fill);
};

const fillCache = async ({ size, put }: Fill): Promise<void> => {
  const value = { columns: ['number', 'status'], folded: true };
  const own = { ...base, key: 'orders.table', value, expiresAt: farOff, size: JSON.stringify(value).length };
  await put(cacheEntries, [
    { ...own, id: sampleId('cache of organization', 0), ownerType: 'ORGANIZATION', ownerId: organizationId },
  ]);
  await put(
    cacheEntries,
    rows(size.workspaces, (number) => ({
      ...own,
      id: sampleId('cache of workspace', number),
      readers: [workspaceOf(number), organizationId],
      ownerType: 'WORKSPACE' as const,
      ownerId: workspaceOf(number),
      workspaceId: workspaceOf(number),
    })),
  );
  await put(
    cacheEntries,
    rows(size.users, (number) => ({
      ...own,
      id: sampleId('cache of user', number),
      readers: [userOf(number), jobsAlone],
      ownerType: 'USER' as const,
      ownerId: userOf(number),
      userId: userOf(number),
    })),
  );
};

const scheduleIdOf = (number: number): string => sampleId('job schedule', number);
/** The owner of the organization first, then its administrators. */
const schedulerOf = (number: number): string => (number === 0 ? userOf(0) : userOf(number * 10 - 9));

/** The administrators' schedules, and the runs that one of them has begun. */
const fillSchedules = async ({ size, put }: Fill): Promise<void> => {
  const count = Math.ceil(size.users / 10);
  await put(
    jobSchedules,
    rows(count, (number) => ({
      ...base,
      id: scheduleIdOf(number),
      readers: [schedulerOf(number), organizationId],
      userId: schedulerOf(number),
      name: `Verify the log ${number + 1}`,
      work: 'VERIFY_EVENT_LOG',
      input: {},
      cron: '0 3 1 1 *',
      timeZone: 'Europe/Berlin',
      nextRunAt: farOff,
    })),
  );
  await put(
    dueJobSchedules,
    rows(count, (number) => ({ scheduleId: scheduleIdOf(number), organizationId, dueAt: farOff })),
  );
  const runs = 12;
  await put(
    jobs,
    rows(runs, (number) => ({
      ...madeAt(number, runs),
      organizationId,
      id: sampleId('job', number),
      readers: [schedulerOf(0), organizationId],
      kind: 'platform.verify-event-log',
      state: 'SUCCEEDED' as const,
      progress: 100,
      attempts: 1,
      targetType: 'Organization',
      targetId: organizationId,
      requestedById: schedulerOf(0),
      scheduleId: scheduleIdOf(0),
      result: { intact: true, seals: 0, entries: 0, head: null, fault: null },
      startedAt: momentOf(number, runs),
      finishedAt: momentOf(number, runs),
    })),
  );
};

const payloadOf = (number: number, size: Fill['size']) => ({
  type: 'conversation.created',
  timestamp: momentOf(number, size.conversations),
  data: { id: conversationIdOf(number) },
});

const deliveryIdOf = (number: number) => sampleId('webhook delivery', number);

/** A webhook that somebody has switched off, with what it was told before. */
const fillWebhooks = async ({ size, put, encrypt }: Fill): Promise<void> => {
  const subscriptionId = sampleId('webhook', 0);
  const secret = createHash('sha256').update('the secret of the sample').digest('base64');
  const until = momentOf(1, 1);
  await put(webhookLogs, [{ ...base, id: sampleId('webhook log', 0), lookedUntil: until, sweptUntil: until }]);
  await put(webhookSubscriptions, [
    {
      ...base,
      id: subscriptionId,
      url: 'https://hooks.sample.example/tessera',
      events: ['conversation.*'],
      description: 'Switched off: there is no such server.',
      encryptedSecret: await encrypt(`whsec_${secret}`),
      state: 'DISABLED',
      stateReason: 'REQUESTED',
      listensSince: momentOf(0, 1),
      createdById: userOf(0),
    },
  ]);
  const count = size.conversations;
  await put(
    webhookDeliveries,
    rows(count, (number) => ({
      ...madeAt(number, count),
      organizationId,
      id: deliveryIdOf(number),
      subscriptionId,
      eventId: sampleId('event', number, Date.parse(momentOf(number, count))),
      action: 'conversation.created',
      targetType: 'Conversation',
      targetId: conversationIdOf(number),
      payload: { ...payloadOf(number, size), actorId: settingOf(number, size).userId },
      state: 'DELIVERED' as const,
      attempts: 1,
      finishedAt: momentOf(number, count),
    })),
  );
  await put(
    webhookAttempts,
    rows(count, (number) => ({
      ...madeAt(number, count),
      organizationId,
      id: sampleId('webhook attempt', number),
      deliveryId: deliveryIdOf(number),
      number: 1,
      status: 204,
      durationMs: 20 + (number % 100),
      at: momentOf(number, count),
    })),
  );
};
