import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { and, eq, gt, sql } from 'drizzle-orm';
import * as fc from 'fast-check';
import { database } from '../src/database/client.ts';
import { nowhere, UnitOfWork } from '../src/database/unit-of-work.ts';
import {
  abandonCalls,
  failed,
  releaseCall,
  reserveCall,
  settleCall,
  succeeded,
  type Attempt,
  type ModelRequest,
} from '../src/domains/modelhub/calls.ts';
import { builtinAnswererId, type Callable, type Price } from '../src/domains/modelhub/deployments.ts';
import { executionLogs } from '../src/domains/modelhub/execution-tables.ts';
import { beginOn } from '../src/domains/modelhub/model-call.ts';
import { endOverdueCalls } from '../src/domains/modelhub/overdue-calls.ts';
import {
  budgets,
  platformKeyCounters,
  platformKeyReservations,
  quotaCounters,
  quotaReservations,
  type BudgetRow,
} from '../src/domains/modelhub/quota-tables.ts';
import { platformProviderKeys } from '../src/domains/modelhub/tables.ts';
import { events } from '../src/events/tables.ts';
import { groups, organizations } from '../src/domains/tenancy/tables.ts';
import { newId } from '../src/ids.ts';
import { unitOf, uuidOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

let bed: Testbed;
beforeAll(async () => {
  bed = await startTestbed();
});
afterAll(() => bed.stop());

/** A dollar for 1,000 tokens of input, two for 1,000 of output. */
const price: Price = { input: '0.001', cachedInput: '0.0001', output: '0.002' };
const builtinProviderId = '01980000-0000-7000-8000-000000000001';
const origin = { requestId: 'test', address: null, userAgent: null };
const dated = { createdAt: '2026-01-01T00:00:00.000Z', updatedAt: '2026-01-01T00:00:00.000Z' };

const callable = (more: Partial<Callable> = {}): Callable => ({
  deployment: { dialect: 'openai', model: 'fake', timeoutMs: 1000, contextTokens: 8192, maxOutputTokens: 100 },
  model: {
    ...dated,
    id: builtinAnswererId,
    providerId: newId(),
    name: 'fake',
    version: '',
    type: 'TEXT',
    capabilities: [],
    contextWindow: 8192,
    maxOutputTokens: null,
    description: '',
    config: {},
    status: 'ACTIVE',
    replacementId: null,
    retiresAt: null,
  },
  provider: {
    ...dated,
    id: newId(),
    name: 'Fake',
    slug: 'fake',
    description: '',
    website: null,
    documentationUrl: null,
    status: 'ACTIVE',
    dialect: 'OPENAI',
    baseUrl: null,
    needsKey: true,
  },
  price,
  providerKeyId: null,
  platformKeyId: null,
  ...more,
});

const requestOf = (more: Partial<ModelRequest> = {}): ModelRequest => ({
  purpose: 'test',
  workspaceId: null,
  targetId: null,
  type: 'TEXT',
  modelId: null,
  needs: [],
  inputTokens: 100,
  maxOutputTokens: null,
  tags: ['a', 'b c'],
  stickyTo: null,
  ...more,
});

/** A call of at most 200 tokens and 0.3 dollars. */
const attempt = (request: Partial<ModelRequest> = {}, means: Partial<Callable> = {}): Attempt => ({
  request: requestOf(request),
  callable: callable(means),
  ruleId: null,
  number: 1,
});

const organizationOf = async (): Promise<string> => uuidOf((await bed.signUp()).organizationId);

interface Who {
  readonly userId?: string | null;
  readonly groupIds?: readonly string[];
  readonly apiKeyId?: string;
}

/** Calls as somebody of an organization. */
const unitAs = (organizationId: string, { userId = null, groupIds = [], apiKeyId }: Who = {}): UnitOfWork =>
  new UnitOfWork(
    {
      ...nowhere,
      organizationId,
      userId,
      principals: groupIds,
      workspaces: '*',
      ...(apiKeyId !== undefined && { apiKeyId }),
    },
    { ...bed.server.installation.services, origin },
  );

const read = async <Result>(unit: UnitOfWork, work: () => Promise<Result>): Promise<Result> => {
  const result = await unit.run(work);
  await unit.rest();
  return result;
};

type Limits = Partial<BudgetRow> & Pick<BudgetRow, 'subject' | 'subjectId' | 'limit'>;
const budgetFor = async (organizationId: string, limits: Limits): Promise<string> => {
  const id = newId();
  await unitAs(organizationId).transact(() =>
    database.insert(budgets).values({ organizationId, id, measure: 'COST', window: 'MONTH', ...limits }),
  );
  return id;
};

const reserve = (unit: UnitOfWork, wanted: Attempt): Promise<string> => unit.transact(() => reserveCall(unit, wanted));

/** Settles a call that read and wrote so many tokens. */
const settle = (unit: UnitOfWork, id: string, inputTokens: number, outputTokens: number): Promise<void> =>
  unit.transact(() =>
    settleCall(unit, id, succeeded({ inputTokens, cachedInputTokens: 0, outputTokens, estimated: false }, 5, null)),
  );

const countersOf = (organizationId: string) =>
  read(unitAs(organizationId), () =>
    database
      .select()
      .from(quotaCounters)
      .where(and(eq(quotaCounters.organizationId, organizationId), gt(quotaCounters.endsAt, sql`now()`))),
  );

const ledgerOf = (organizationId: string) =>
  read(unitAs(organizationId), () =>
    database.select().from(executionLogs).where(eq(executionLogs.organizationId, organizationId)),
  );

const endOfMonth = (): string => {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1)).toISOString();
};

test('a refusal names whose budget it is and when it begins anew, and leaves nothing behind', async () => {
  const organizationId = await organizationOf();
  const workspaceId = newId();
  await budgetFor(organizationId, { subject: 'ORGANIZATION', subjectId: organizationId, limit: '5' });
  await budgetFor(organizationId, { subject: 'WORKSPACE', subjectId: workspaceId, limit: '0.5' });
  const unit = unitAs(organizationId);
  const id = await reserve(unit, attempt({ workspaceId }));
  await expect(reserve(unit, attempt({ workspaceId }))).rejects.toMatchObject({
    message: `The bound of 0.5 US dollars a month for the workspace has no room for this call; it begins anew at ${endOfMonth()}.`,
    extensions: { code: 'QUOTA_EXCEEDED', scope: 'WORKSPACE', limit: 0.5, measure: 'COST', resetsAt: endOfMonth() },
  });
  expect(await ledgerOf(organizationId)).toHaveLength(1);
  for (const { reserved } of await countersOf(organizationId)) expect(reserved).toBe('0.300000000000');
  // Elsewhere there is room.
  const other = await reserve(unit, attempt({ workspaceId: newId() }));
  await settle(unit, id, 10, 20);
  await unit.transact(() => releaseCall(unit, other));
  const ledger = await ledgerOf(organizationId);
  expect(ledger).toMatchObject([{ id, status: 'SUCCESS', cost: '0.050000000000', tags: ['a', 'b c'] }]);
  // A second word on how it ended changes nothing.
  await settle(unit, id, 1000, 1000);
  await unit.transact(() => releaseCall(unit, id));
  for (const counter of await countersOf(organizationId))
    expect(counter).toMatchObject({ used: '0.050000000000', reserved: '0.000000000000' });
});

test('of many calls at once the last dollar goes to as many as it pays for', async () => {
  const organizationId = await organizationOf();
  await budgetFor(organizationId, { subject: 'ORGANIZATION', subjectId: organizationId, limit: '1' });
  const outcomes = await Promise.allSettled(
    Array.from({ length: 50 }, () => reserve(unitAs(organizationId), attempt())),
  );
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  for (const outcome of outcomes)
    if (outcome.status === 'rejected')
      expect(outcome.reason).toMatchObject({ extensions: { code: 'QUOTA_EXCEEDED', scope: 'ORGANIZATION' } });
  expect(await countersOf(organizationId)).toMatchObject([{ used: '0.000000000000', reserved: '0.900000000000' }]);
});

test('a budget counts what was used in its window before it was made, and nothing of the window before', async () => {
  const organizationId = await organizationOf();
  const userId = newId();
  const groupId = newId();
  await unitAs(organizationId).transact(() =>
    database.insert(groups).values([
      { organizationId, id: groupId, name: 'Gardeners' },
      { organizationId, id: newId(), name: 'Others', active: false },
    ]),
  );
  const unit = unitAs(organizationId, { userId, groupIds: [groupId] });
  const workspaceId = newId();
  const wanted = attempt({ workspaceId });
  await settle(unit, await reserve(unit, wanted), 100, 100);
  expect(await ledgerOf(organizationId)).toMatchObject([{ groupIds: [groupId], userId }]);
  for (const [subject, subjectId] of [
    ['USER', userId],
    ['GROUP', groupId],
    ['WORKSPACE', workspaceId],
    ['ORGANIZATION', organizationId],
  ] as const) {
    const id = await budgetFor(organizationId, { subject, subjectId, window: 'DAY', limit: '0.5' });
    // Whoever sees no workspace is bounded by what others used there all the same.
    const blind = new UnitOfWork({ ...unit.scope, workspaces: [workspaceId] }, unit.options);
    await expect(reserve(blind, wanted)).rejects.toMatchObject({ extensions: { scope: subject, limit: 0.5 } });
    await unit.transact(() => database.delete(budgets).where(eq(budgets.id, id)));
  }
  await budgetFor(organizationId, { subject: 'USER', subjectId: userId, window: 'DAY', limit: '0.5' });
  await expect(reserve(unit, wanted)).rejects.toMatchObject({ extensions: { scope: 'USER' } });
  // A day goes by.
  const back = sql`interval '1 day'`;
  await unitAs(organizationId).transact(async () => {
    await database.update(executionLogs).set({ createdAt: sql`${executionLogs.createdAt} - ${back}` });
    await database
      .update(quotaCounters)
      .set({ startsAt: sql`${quotaCounters.startsAt} - ${back}`, endsAt: sql`${quotaCounters.endsAt} - ${back}` });
  });
  const id = await reserve(unit, wanted);
  expect(await countersOf(organizationId)).toMatchObject([{ subject: 'USER', used: '0.000000000000' }]);
  await settle(unit, id, 100, 0);
  expect(await countersOf(organizationId)).toMatchObject([{ used: '0.100000000000', reserved: '0.000000000000' }]);
});

test('what is used without a budget is counted in one that is there when the call ends', async () => {
  const organizationId = await organizationOf();
  const unit = unitAs(organizationId);
  const id = await reserve(unit, attempt());
  await budgetFor(organizationId, { subject: 'ORGANIZATION', subjectId: organizationId, limit: '0.4' });
  await settle(unit, id, 100, 50);
  expect(await countersOf(organizationId)).toMatchObject([{ used: '0.200000000000', reserved: '0.000000000000' }]);
  await expect(reserve(unit, attempt())).rejects.toMatchObject({ extensions: { code: 'QUOTA_EXCEEDED' } });
});

test('a model whose price is unknown is not called where money is bounded, and elsewhere it is', async () => {
  const organizationId = await organizationOf();
  const unit = unitAs(organizationId);
  const unpriced = attempt({}, { price: null });
  const apiKeyId = newId();
  await budgetFor(organizationId, { subject: 'API_KEY', subjectId: apiKeyId, limit: '100' });
  await expect(reserve(unitAs(organizationId, { apiKeyId }), unpriced)).rejects.toMatchObject({
    extensions: { code: 'CONFLICT', field: 'model', scope: 'API_KEY' },
  });
  await budgetFor(organizationId, {
    subject: 'ORGANIZATION',
    subjectId: organizationId,
    measure: 'TOKENS',
    limit: '300',
  });
  const id = await reserve(unit, unpriced);
  await settle(unit, id, 7, 8);
  expect(await ledgerOf(organizationId)).toMatchObject([{ cost: null }]);
  expect(await countersOf(organizationId)).toMatchObject([{ measure: 'TOKENS', used: '15.000000000000' }]);
});

test('built-in models use neither money nor tokens, and are calls', async () => {
  const organizationId = await organizationOf();
  const unit = unitAs(organizationId);
  const of = { subject: 'ORGANIZATION', subjectId: organizationId } as const;
  for (const measure of ['COST', 'TOKENS', 'REQUESTS'] as const)
    await budgetFor(organizationId, { ...of, measure, limit: measure === 'REQUESTS' ? '1' : '0' });
  const { provider } = callable();
  const builtin = attempt({}, { provider: { ...provider, id: builtinProviderId, dialect: 'BUILTIN' } });
  await settle(unit, await reserve(unit, builtin), 50, 50);
  await expect(reserve(unit, builtin)).rejects.toMatchObject({ extensions: { measure: 'REQUESTS' } });
  await expect(reserve(unit, attempt())).rejects.toMatchObject({ extensions: { measure: 'COST' } });
});

test('thresholds are told once in a window, with what was used', async () => {
  const organizationId = await organizationOf();
  const unit = unitAs(organizationId);
  const subjectId = organizationId;
  const id = await budgetFor(organizationId, {
    subject: 'ORGANIZATION',
    subjectId,
    limit: '1',
    warnAt: [20, 50, 80],
  });
  for (const output of [100, 100, 50, 50, 50])
    await settle(unit, await reserve(unit, attempt({ inputTokens: 0 })), 0, output);
  // Where less may be used than was used already, the next call tells of it, even one that costs nothing.
  await unitAs(organizationId).transact(() => database.update(budgets).set({ limit: '0.7' }));
  const free = attempt({ type: 'EMBEDDING', inputTokens: 0 });
  for (let calls = 0; calls < 2; calls++) await settle(unit, await reserve(unit, free), 0, 0);
  const told = await read(unit, () =>
    database
      .select({ action: events.action, targetId: events.targetId, data: events.data })
      .from(events)
      .where(eq(events.targetType, 'Budget'))
      .orderBy(events.createdAt, events.id),
  );
  expect(told).toEqual([
    {
      action: 'budget.warned',
      targetId: id,
      data: expect.objectContaining({ percentage: 20, resetsAt: endOfMonth() }),
    },
    { action: 'budget.warned', targetId: id, data: expect.objectContaining({ percentage: 50 }) },
    { action: 'budget.warned', targetId: id, data: expect.objectContaining({ percentage: 80 }) },
    { action: 'budget.exhausted', targetId: id, data: expect.objectContaining({ percentage: 100 }) },
  ]);
});

test('the organization’s own bound on tokens counts every call', async () => {
  const organizationId = await organizationOf();
  await unitOf(bed, null).transact(() =>
    database
      .update(organizations)
      .set({ settings: { monthlyTokens: 300 } })
      .where(eq(organizations.id, organizationId)),
  );
  const unit = unitAs(organizationId);
  const id = await reserve(unit, attempt({ purpose: 'embedding', type: 'EMBEDDING', inputTokens: 250 }));
  await expect(reserve(unit, attempt())).rejects.toMatchObject({
    extensions: { scope: 'ORGANIZATION', limit: 300, measure: 'TOKENS' },
  });
  await settle(unit, id, 90, 0);
  await reserve(unit, attempt());
});

describe('keys', () => {
  test('that are used up are passed over where another can be called', async () => {
    const organizationId = await organizationOf();
    const unit = unitAs(organizationId);
    const [spent, other] = [newId(), newId()];
    await budgetFor(organizationId, { subject: 'PROVIDER_KEY', subjectId: spent, window: 'DAY', limit: '0.1' });
    const [first, second] = [callable({ providerKeyId: spent }), callable({ providerKeyId: other })];
    const route = { callables: [first, second] as const, ruleId: null, keepsContents: false };
    const begun = await unit.transact(() => beginOn(unit, { ...route, callables: [first, second] }, requestOf()));
    expect(begun).toMatchObject({ attempt: 2, callable: second });
    expect(await ledgerOf(organizationId)).toMatchObject([{ providerKeyId: other, attempt: 2 }]);
    await expect(
      unit.transact(() => beginOn(unit, { ...route, callables: [first] }, requestOf())),
    ).rejects.toMatchObject({ extensions: { scope: 'PROVIDER_KEY' } });
    await budgetFor(organizationId, { subject: 'ORGANIZATION', subjectId: organizationId, limit: '0.1' });
    await expect(
      unit.transact(() => beginOn(unit, { ...route, callables: [first, second] }, requestOf())),
    ).rejects.toMatchObject({ extensions: { scope: 'ORGANIZATION' } });
  });

  test('of the platform are bounded over all organizations, which learn nothing of each other', async () => {
    const [one, other] = [await organizationOf(), await organizationOf()];
    const platformKeyId = await platformKey({ dailyQuota: null, monthlyQuota: null });
    const wanted = attempt({}, { platformKeyId });
    await settle(unitAs(one), await reserve(unitAs(one), wanted), 100, 0);
    await unitOf(bed, null).transact(() =>
      database
        .update(platformProviderKeys)
        .set({ dailyQuota: '0.75' })
        .where(eq(platformProviderKeys.id, platformKeyId)),
    );
    // What was used before the quota counts, as does what the other organization is promised.
    await reserve(unitAs(one), wanted);
    const id = await reserve(unitAs(other), wanted);
    const refused = await reserve(unitAs(other), wanted).catch((error: unknown) => error);
    expect(refused).toMatchObject({ extensions: { code: 'QUOTA_EXCEEDED', scope: 'PLATFORM_KEY', limit: null } });
    expect(String(refused)).not.toMatch(/0\.[1-9]/);
    await settle(unitAs(other), id, 50, 0);
    const counters = () =>
      read(unitOf(bed, null), () =>
        database.select().from(platformKeyCounters).where(eq(platformKeyCounters.platformKeyId, platformKeyId)),
      );
    expect(await counters()).toMatchObject([{ used: '0.150000000000', reserved: '0.300000000000' }]);
    await expireAll(one);
    expect(await endOverdueCalls(bed.server.installation.services)).toBeGreaterThanOrEqual(1);
    expect(await counters()).toMatchObject([{ used: '0.150000000000', reserved: '0.000000000000' }]);
  });
});

/** A key of the platform's with quotas in US dollars. */
const platformKey = async (quotas: { dailyQuota: string | null; monthlyQuota: string | null }): Promise<string> => {
  const id = newId();
  await unitOf(bed, null).transact(() =>
    database.insert(platformProviderKeys).values({
      id,
      providerId: builtinProviderId,
      label: id,
      encryptedKey: 'none',
      lastFour: 'none',
      ...quotas,
    }),
  );
  return id;
};

const past = { leaseUntil: sql`now() - interval '1 second'` };

/** Lets the leases of calls under way end, as if their process had died: of one, or of all. */
const expireAll = async (organizationId: string, id?: string): Promise<void> => {
  await unitAs(organizationId).transact(async () => {
    const one = id === undefined ? undefined : eq(executionLogs.id, id);
    await database
      .update(executionLogs)
      .set(past)
      .where(and(eq(executionLogs.status, 'PENDING'), one));
    await database
      .update(quotaReservations)
      .set(past)
      .where(id === undefined ? undefined : eq(quotaReservations.targetId, id));
    if (id !== undefined)
      await database.update(platformKeyReservations).set(past).where(eq(platformKeyReservations.executionId, id));
  });
};

test('promises to calls that never end give way, and what ends them counts nothing', async () => {
  const organizationId = await organizationOf();
  const unit = unitAs(organizationId);
  await budgetFor(organizationId, {
    subject: 'ORGANIZATION',
    subjectId: organizationId,
    limit: '1',
    measure: 'REQUESTS',
  });
  const targetId = newId();
  const dead = await reserve(unit, attempt({ targetId }));
  await expect(reserve(unit, attempt())).rejects.toMatchObject({ extensions: { measure: 'REQUESTS' } });
  await expireAll(organizationId, dead);
  const alive = await reserve(unit, attempt());
  await endOverdueCalls(bed.server.installation.services);
  expect((await ledgerOf(organizationId)).find(({ id }) => id === dead)).toMatchObject({
    status: 'ERROR',
    errorKind: 'INTERRUPTED',
    cost: null,
    leaseUntil: null,
  });
  await settle(unit, dead, 100, 100);
  expect(await countersOf(organizationId)).toMatchObject([{ used: '0.000000000000', reserved: '1.000000000000' }]);
  await unit.transact(() => releaseCall(unit, alive));
  const given = await reserve(unit, attempt({ targetId }));
  await unit.transact(() => abandonCalls(unit, targetId));
  expect(await countersOf(organizationId)).toMatchObject([{ used: '0.000000000000', reserved: '0.000000000000' }]);
  expect(given).not.toBe('');
});

test('whatever happens, no cap is passed, nothing stays reserved, and counters are what the ledger says', async () => {
  const act = fc.record({
    workspace: fc.nat(1),
    user: fc.nat(1),
    key: fc.nat(1),
    inputTokens: fc.integer({ min: 0, max: 200 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    ending: fc.constantFrom('settled', 'settled', 'failed', 'released', 'crashed'),
  });
  const limit = fc.integer({ min: 1, max: 30 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(act, { minLength: 8, maxLength: 32 }),
      fc.record({ dollars: limit, ofWorkspace: limit, ofUser: limit, ofKey: limit, ofGroup: limit, ofPlatform: limit }),
      async (acts, limits) => {
        const organizationId = await organization;
        const [workspaces, users, keys] = [0, 1, 2].map(() => [newId(), newId()]);
        const groupId = newId();
        const platformKeyId = await platformKey({
          dailyQuota: null,
          monthlyQuota: String(limits.ofPlatform / 10),
        });
        await unitAs(organizationId).transact(async () => {
          await database.delete(executionLogs);
          await database.delete(quotaCounters);
          await database.delete(budgets);
          await database.insert(groups).values({ organizationId, id: groupId, name: groupId });
        });
        const held: Limits[] = [
          { subject: 'ORGANIZATION', subjectId: organizationId, limit: String(limits.dollars / 10) },
          { subject: 'ORGANIZATION', subjectId: organizationId, measure: 'TOKENS', limit: '1500', window: 'WEEK' },
          { subject: 'WORKSPACE', subjectId: at(workspaces, 0), limit: String(limits.ofWorkspace / 20) },
          {
            subject: 'USER',
            subjectId: at(users, 0),
            measure: 'REQUESTS',
            limit: String(limits.ofUser),
            window: 'DAY',
          },
          { subject: 'USER', subjectId: at(users, 1), measure: 'TOKENS', limit: String(limits.ofUser * 60) },
          { subject: 'PROVIDER_KEY', subjectId: at(keys, 0), limit: String(limits.ofKey / 15), window: 'DAY' },
          { subject: 'GROUP', subjectId: groupId, limit: String(limits.ofGroup / 10) },
        ];
        for (const one of held) await budgetFor(organizationId, one);
        let going = true;
        const watched = watch(organizationId, held, () => going);
        await Promise.all(
          acts.map(async ({ workspace, user, key, inputTokens, share, ending }) => {
            const unit = unitAs(organizationId, { userId: at(users, user), groupIds: user === 0 ? [groupId] : [] });
            const means = key === 0 ? { providerKeyId: at(keys, 0) } : { platformKeyId };
            const wanted = attempt({ workspaceId: at(workspaces, workspace), inputTokens }, means);
            const id = await reserve(unit, wanted).catch((error: unknown) => {
              expect(error).toMatchObject({ extensions: { code: 'QUOTA_EXCEEDED' } });
              return null;
            });
            if (id === null) return;
            const used = { inputTokens: Math.floor(inputTokens * share), outputTokens: Math.floor(100 * share) };
            const usage = { ...used, cachedInputTokens: Math.floor(used.inputTokens * share), estimated: false };
            if (ending === 'crashed') return expireAll(organizationId, id);
            await unit.transact(() => {
              if (ending === 'released') return releaseCall(unit, id);
              return settleCall(unit, id, ending === 'failed' ? failed('TIMEOUT', 'Late.', 7) : succeeded(usage, 5, 1));
            });
          }),
        );
        going = false;
        await watched;
        await endOverdueCalls(bed.server.installation.services);
        expect(await read(unitAs(organizationId), () => database.select().from(quotaReservations))).toEqual([]);
        const ledger = await ledgerOf(organizationId);
        expect(ledger.filter(({ status }) => status === 'PENDING')).toEqual([]);
        const counters = await countersOf(organizationId);
        for (const { subject, subjectId, measure = 'COST', limit: most } of held) {
          const counter = counters.find((one) => one.subjectKey === subjectId && one.measure === measure);
          const own = ledger.filter(
            ({ errorKind, latencyMs, ...row }) =>
              !(errorKind === 'INTERRUPTED' && latencyMs === null) &&
              [organizationId, row.workspaceId, row.userId, row.providerKeyId, ...row.groupIds].includes(subjectId),
          );
          const amounts = own.map(({ cost, inputTokens, outputTokens }) => {
            if (measure === 'COST') return picodollars(cost ?? '0');
            return measure === 'TOKENS' ? BigInt(inputTokens + outputTokens) * picos : picos;
          });
          const sum = amounts.reduce((total, one) => total + one, 0n);
          expect([subject, measure, picodollars(counter?.used ?? '0')]).toEqual([subject, measure, sum]);
          expect(sum <= picodollars(most)).toBe(true);
          expect(picodollars(counter?.reserved ?? '0')).toBe(0n);
        }
        const [ofPlatform] = await read(unitOf(bed, null), () =>
          database.select().from(platformKeyCounters).where(eq(platformKeyCounters.platformKeyId, platformKeyId)),
        );
        const spent = ledger
          .filter((row) => row.platformKeyId === platformKeyId)
          .reduce((total, { cost }) => total + picodollars(cost ?? '0'), 0n);
        expect(picodollars(ofPlatform?.used ?? '0')).toBe(spent);
        expect(picodollars(ofPlatform?.reserved ?? '0')).toBe(0n);
        expect(spent <= picodollars(String(limits.ofPlatform / 10))).toBe(true);
      },
    ),
    { numRuns: process.env['TEST_POSTGRES_URL'] ? 20 : 6 },
  );
});

const at = (ids: readonly string[] | undefined, index: number): string => ids?.[index] ?? '';
const picos = 1_000_000_000_000n;
/** Exactly, from decimal text. */
const picodollars = (text: string): bigint => {
  const [whole = '0', part = ''] = text.split('.');
  return BigInt(whole) * picos + BigInt(part.padEnd(12, '0').slice(0, 12));
};

let organization: Promise<string>;
beforeAll(() => {
  organization = organizationOf();
});

/** Looks at the counters again and again: at no moment is more used and promised than there may be. */
const watch = async (organizationId: string, held: readonly Limits[], going: () => boolean): Promise<void> => {
  while (going())
    for (const { subjectKey, measure, used, reserved } of await countersOf(organizationId)) {
      const budget = held.find((one) => one.subjectId === subjectKey && (one.measure ?? 'COST') === measure);
      expect(picodollars(used) + picodollars(reserved) <= picodollars(budget?.limit ?? '0')).toBe(true);
    }
};
