import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { DeploymentHealth, healthRules } from '../src/ai/deployment-health.ts';
import { ModelFailure, type FailureKind } from '../src/ai/failure.ts';
import { dollarsOf, picodollars } from '../src/domains/modelhub/candidates.ts';
import { deploymentOf, type Callable } from '../src/domains/modelhub/deployments.ts';
import { orderOf, type RouteEntry } from '../src/domains/modelhub/routing.ts';
import { drawn } from '../src/domains/modelhub/routing-draw.ts';
import { failedConditions, fits, type CallFacts, type Matchable } from '../src/domains/modelhub/routing-matching.ts';
import { LocalBus } from '../src/events/local-bus.ts';
import { ShortMemory } from '../src/events/short-memory.ts';

const draws = 100_000;

/** The same numbers each time (mulberry32), so that what is measured is the draw and not luck. */
const seeded = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
};

const four = [
  { id: 'first', weight: 700 },
  { id: 'second', weight: 200 },
  { id: 'third', weight: 100 },
  { id: 'spare', weight: 0 },
];

const sharesOf = (draw: (each: number) => string | undefined): Map<string | undefined, number> => {
  const counts = new Map<string | undefined, number>();
  for (let each = 0; each < draws; each += 1) {
    const id = draw(each);
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return new Map([...counts].map(([id, count]) => [id, count / draws]));
};

test.each([
  ['by chance', (random: () => number) => () => drawn(four, null, random)?.id],
  ['for one conversation each', () => (each: number) => drawn(four, `conversation ${each}`)?.id],
])('weights are kept within 1 %% over 100,000 draws, %s', (_how, drawWith) => {
  const shares = sharesOf(drawWith(seeded(7)));
  for (const { id, weight } of four) expect(Math.abs((shares.get(id) ?? 0) - weight / 1000)).toBeLessThan(0.01);
  expect(shares.get('spare')).toBeUndefined();
});

test('a conversation stays where it is, and when a deployment goes only those move that were there', () => {
  const without = four.filter(({ id }) => id !== 'second');
  let moved = 0;
  for (let each = 0; each < 10_000; each += 1) {
    const name = `conversation ${each}`;
    const before = drawn(four, name)?.id;
    expect(drawn(four.toReversed(), name)?.id).toBe(before);
    const after = drawn(without, name)?.id;
    if (before === 'second') moved += 1;
    else expect(after).toBe(before);
  }
  expect(moved).toBeGreaterThan(1500);
});

test('nothing is drawn where nothing has a weight', () => {
  expect(drawn([{ id: 'spare', weight: 0 }], null)).toBeUndefined();
  expect(drawn([], 'conversation')).toBeUndefined();
});

// --- health -----------------------------------------------------------------------------------------------------------------------------

const clocked = (bus = new LocalBus()) => {
  const clock = { now: 1_700_000_000_000 };
  return { clock, health: new DeploymentHealth(bus, () => clock.now) };
};
const failure = (kind: FailureKind, retryAfterSeconds?: number) =>
  new ModelFailure(kind, 'Fault.', retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
const fail = (health: DeploymentHealth, name: string, kind: FailureKind = 'UNAVAILABLE', retryAfterSeconds?: number) =>
  health.watch(name).failed(failure(kind, retryAfterSeconds));

test('a deployment cools down when half of at least five calls failed, and is tried once when that is over', () => {
  const { clock, health } = clocked();
  health.watch('a').succeeded();
  health.watch('a').succeeded();
  fail(health, 'a');
  fail(health, 'a');
  expect(health.seen('a')).toEqual({ state: 'WELL', calls: 4, failures: 2, coolingUntil: null });
  fail(health, 'a');
  expect(health.seen('a')).toMatchObject({ state: 'COOLING', coolingUntil: clock.now + healthRules.coolMs });
  clock.now += healthRules.coolMs - 1;
  expect(health.isFree('a')).toBe(false);
  clock.now += 1;
  expect(health.stateOf('a')).toBe('TRIAL');
  const trial = health.watch('a');
  expect([health.stateOf('a'), health.isFree('a')]).toEqual(['TRYING', false]);
  trial.failed(failure('TIMEOUT'));
  expect(health.coolingUntil('a')).toBe(clock.now + 2 * healthRules.coolMs);
  clock.now += 2 * healthRules.coolMs;
  health.watch('a').succeeded();
  expect(health.seen('a')).toMatchObject({ state: 'WELL', calls: 1, failures: 0 });
});

test('failures spread over more than a minute do not add up', () => {
  const { clock, health } = clocked();
  for (let each = 0; each < 20; each += 1) {
    fail(health, 'a');
    clock.now += healthRules.bucketMs * 4;
  }
  expect(health.seen('a')).toMatchObject({ state: 'WELL', calls: 2 });
});

test('one refusal for want of room or for a wrong key is enough, for as long as the provider asks or the key deserves', () => {
  const { clock, health } = clocked();
  fail(health, 'told', 'RATE_LIMITED', 7);
  fail(health, 'untold', 'RATE_LIMITED');
  fail(health, 'long', 'RATE_LIMITED', 86_400);
  fail(health, 'key', 'UNAUTHORIZED');
  const left = ['told', 'untold', 'long', 'key'].map((name) => health.coolingUntil(name) - clock.now);
  expect(left).toEqual([7_000, healthRules.coolMs, healthRules.longestMs, healthRules.unauthorizedMs]);
});

test('what was cancelled or refused says nothing against a deployment, and a trial that ended so is made again', () => {
  const { clock, health } = clocked();
  for (let each = 0; each < 20; each += 1) fail(health, 'a', each % 2 === 0 ? 'CANCELLED' : 'REFUSED');
  expect(health.seen('a')).toMatchObject({ state: 'WELL', calls: 0 });
  fail(health, 'a', 'UNAUTHORIZED');
  clock.now += healthRules.unauthorizedMs;
  const trial = health.watch('a');
  expect(health.stateOf('a')).toBe('TRYING');
  trial.failed(failure('CANCELLED'));
  expect(health.stateOf('a')).toBe('TRIAL');
  // A trial that never reports does not keep the deployment away for ever.
  health.choose('a');
  clock.now += healthRules.trialMs;
  expect(health.stateOf('a')).toBe('TRIAL');
});

test('a call that began before a cool-down does not end it', () => {
  const { clock, health } = clocked();
  const early = health.watch('a');
  clock.now += 10;
  fail(health, 'a', 'RATE_LIMITED', 5);
  early.succeeded();
  expect(health.stateOf('a')).toBe('COOLING');
});

test('a cool-down is told to other processes', async () => {
  const bus = new LocalBus();
  const { clock, health } = clocked(bus);
  const other = new DeploymentHealth(bus, () => clock.now + 3_600_000);
  const listening = other.listen();
  await Promise.resolve();
  fail(health, 'a', 'RATE_LIMITED', 9);
  await bus.close();
  await listening;
  expect(other.coolingUntil('a')).toBe(clock.now + 3_600_000 + 9_000);
});

// --- the order of a route ---------------------------------------------------------------------------------------------------------------

/** A model with as many keys, of which only what tells deployments apart is there. */
const entry = (id: string, weight: number, keys: readonly string[] = ['key']): RouteEntry => ({
  id,
  weight,
  fault: null,
  // The cast is safe: the order looks at nothing else.
  candidate: {} as RouteEntry['candidate'],
  callables: keys.map((key) => ({ model: { id }, providerKeyId: key, platformKeyId: null }) as Callable),
});
const namesOf = (callables: readonly Callable[]) => callables.map(deploymentOf);

test('the first is drawn, the others follow in the order of the rule, each with one key after the other', () => {
  const { health } = clocked();
  const entries = [entry('a', 0), entry('b', 1, ['own', 'platform']), entry('c', 0)];
  expect(namesOf(orderOf(entries, health, null))).toEqual(['b own', 'b platform', 'a key', 'c key']);
  const weightless = [entry('a', 0), entry('b', 0)];
  expect(namesOf(orderOf(weightless, health, null))).toEqual(['a key', 'b key']);
});

test('a cooling deployment gets nothing, by chance or by conversation; the trial after it goes to one call', () => {
  const { clock, health } = clocked();
  const entries = [entry('a', 900, ['own', 'platform']), entry('b', 100)];
  fail(health, 'a own', 'UNAUTHORIZED');
  const random = seeded(3);
  for (let each = 0; each < 1000; each += 1) {
    const sticky = each % 2 === 0 ? null : `conversation ${each}`;
    expect(namesOf(orderOf(entries, health, sticky, random))).not.toContain('a own');
  }
  fail(health, 'a platform', 'UNAUTHORIZED');
  for (let each = 0; each < 1000; each += 1) expect(namesOf(orderOf(entries, health, `${each}`))).toEqual(['b key']);
  clock.now += healthRules.unauthorizedMs;
  const [first] = orderOf([entry('a', 1, ['own'])], health, null);
  health.choose('a own');
  expect(first === undefined ? '' : deploymentOf(first)).toBe('a own');
  expect(namesOf(orderOf([entry('a', 1, ['own']), entry('b', 1)], health, null))).toEqual(['b key']);
});

test('where all cool down, the one is tried first that is well before the others', () => {
  const { health } = clocked();
  fail(health, 'a key', 'RATE_LIMITED', 60);
  fail(health, 'b key', 'RATE_LIMITED', 20);
  fail(health, 'c key', 'RATE_LIMITED', 40);
  const entries = [entry('a', 1), entry('b', 1), entry('c', 1)];
  expect(namesOf(orderOf(entries, health, null))).toEqual(['b key', 'c key', 'a key']);
});

// --- matching ---------------------------------------------------------------------------------------------------------------------------

const ids = ['i1', 'i2', 'i3'];
const listOf = (from: readonly string[]) => fc.uniqueArray(fc.constantFrom(...from), { minLength: 1 });
const clockTime = fc
  .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
  .map(([hour, minute]) => `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`);
const maybe = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined, freq: 2 });
const without = (record: object) =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
const types = ['TEXT', 'EMBEDDING'] as const;

const rule: fc.Arbitrary<Matchable> = fc.record({
  modelType: fc.constantFrom(...types),
  conditions: fc
    .record({
      organizationIds: maybe(listOf(ids)),
      workspaceIds: maybe(listOf(ids)),
      userIds: maybe(listOf(ids)),
      groupIds: maybe(listOf(ids)),
      modelIds: maybe(listOf(ids)),
      purposes: maybe(listOf(['answer', 'agent'])),
      capabilities: maybe(listOf(['TOOLS', 'VISION'])),
      minInputTokens: maybe(fc.integer({ min: 0, max: 5 })),
      maxInputTokens: maybe(fc.integer({ min: 0, max: 5 })),
      tags: maybe(listOf(['x', 'y'])),
      time: maybe(
        fc.record({
          days: fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
          from: clockTime,
          to: clockTime,
          timeZone: fc.constant('Asia/Kolkata'),
        }),
      ),
    })
    .map(without),
});

const call: fc.Arbitrary<CallFacts> = fc.record({
  organizationId: fc.constantFrom(...ids),
  workspaceId: fc.option(fc.constantFrom(...ids)),
  userId: fc.option(fc.constantFrom(...ids)),
  principals: fc.subarray(ids),
  type: fc.constantFrom(...types),
  modelId: fc.option(fc.constantFrom(...ids)),
  purpose: fc.constantFrom('answer', 'agent', 'prompt'),
  needs: fc.subarray(['TOOLS', 'VISION'] as const),
  inputTokens: fc.option(fc.integer({ min: 0, max: 6 })),
  tags: fc.subarray(['x', 'y', 'z']),
  at: fc.date({ min: new Date('2026-01-01'), max: new Date('2027-01-01'), noInvalidDate: true }),
});

/** Minutes of the week since Monday 00:00, five and a half hours ahead of UTC all year round. */
const minuteOfWeek = (at: Date): number => {
  const local = new Date(at.getTime() + 330 * 60_000);
  return ((local.getUTCDay() + 6) % 7) * 1440 + local.getUTCHours() * 60 + local.getUTCMinutes();
};

/** The same, said plainly: lists all minutes of the week that are within. */
const naive = ({ modelType, conditions: c }: Matchable, f: CallFacts): boolean => {
  if (modelType !== f.type) return false;
  if (c.organizationIds && !c.organizationIds.includes(f.organizationId)) return false;
  if (c.workspaceIds && (f.workspaceId === null || !c.workspaceIds.includes(f.workspaceId))) return false;
  if (c.userIds && (f.userId === null || !c.userIds.includes(f.userId))) return false;
  if (c.groupIds && c.groupIds.filter((id) => f.principals.includes(id)).length === 0) return false;
  if (f.modelId === null ? c.modelIds !== undefined : !(c.modelIds ?? []).includes(f.modelId)) return false;
  if (c.purposes && !c.purposes.includes(f.purpose)) return false;
  for (const capability of c.capabilities ?? []) if (!f.needs.includes(capability)) return false;
  if (c.minInputTokens !== undefined && (f.inputTokens ?? -1) < c.minInputTokens) return false;
  if (c.maxInputTokens !== undefined && (f.inputTokens ?? Infinity) > c.maxInputTokens) return false;
  if (c.tags && c.tags.filter((tag) => f.tags.includes(tag)).length === 0) return false;
  if (c.time) {
    const clock = (time: string) => Number(time.split(':')[0]) * 60 + Number(time.split(':')[1]);
    const length = (clock(c.time.to) - clock(c.time.from) + 1440) % 1440 || 1440;
    const minutes = new Set<number>();
    for (const day of c.time.days)
      for (let minute = 0; minute < length; minute += 1)
        minutes.add(((day - 1) * 1440 + clock(c.time.from) + minute) % 10_080);
    if (!minutes.has(minuteOfWeek(f.at))) return false;
  }
  return true;
};

test('rules fit as they are said to', () => {
  fc.assert(
    fc.property(rule, call, (each, facts) => {
      expect(fits(each, facts)).toBe(naive(each, facts));
      expect(failedConditions(each, facts).length === 0).toBe(naive(each, facts));
    }),
    { seed: 11, numRuns: 3000 },
  );
});

test('one condition at a time decides like the plain reading, too', () => {
  const alone = fc.tuple(rule, fc.nat()).map(([{ modelType, conditions }, pick]): Matchable => {
    const names = Object.entries(conditions);
    const chosen = names[pick % Math.max(names.length, 1)];
    return { modelType, conditions: chosen === undefined ? {} : Object.fromEntries([chosen]) };
  });
  fc.assert(
    fc.property(alone, call, ({ modelType, conditions }, facts) => {
      const each = { modelType, conditions };
      const same = { ...facts, type: modelType, modelId: conditions.modelIds ? facts.modelId : null };
      expect(fits(each, same)).toBe(naive(each, same));
    }),
    { seed: 12, numRuns: 5000 },
  );
});

test('hours over midnight belong to the day on which they begin, in their own time zone with its summer time', () => {
  const night: Matchable = {
    modelType: 'TEXT',
    conditions: { time: { days: [5], from: '22:00', to: '06:00', timeZone: 'Europe/Berlin' } },
  };
  const facts = { type: 'TEXT', modelId: null, needs: [], tags: [], principals: [] } as unknown as CallFacts;
  const at = (time: string) => fits(night, { ...facts, at: new Date(time) });
  // Berlin is one hour ahead in winter and two in summer; both days are Fridays.
  expect([at('2026-01-09T20:59:00Z'), at('2026-01-09T21:00:00Z')]).toEqual([false, true]);
  expect([at('2026-07-10T19:59:00Z'), at('2026-07-10T20:00:00Z')]).toEqual([false, true]);
  expect([at('2026-01-10T04:59:00Z'), at('2026-01-10T05:00:00Z')]).toEqual([true, false]);
  expect(at('2026-01-09T02:00:00Z')).toBe(false);
});

// --- money and memory -------------------------------------------------------------------------------------------------------------------

test('amounts are exact to the twelfth decimal', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 20n }), (amount) => {
      expect(picodollars(dollarsOf(amount))).toBe(amount);
    }),
    { seed: 13 },
  );
  expect([picodollars('0.0000025'), dollarsOf(2_500_000n), dollarsOf(10n ** 12n), dollarsOf(0n)]).toEqual([
    2_500_000n,
    '0.0000025',
    '1',
    '0',
  ]);
});

test('what is kept is read again after some seconds by one, at once when forgotten, and never kept when it was older than a change', async () => {
  let now = 0;
  let read = 0;
  const bus = new LocalBus();
  const memory = new ShortMemory<number>(bus, 'test', () => now);
  const other = new ShortMemory<number>(bus, 'test', () => now);
  const listening = other.listen();
  const next = async () => (read += 1);
  expect([await memory.recall('a', next), await memory.recall('a', next)]).toEqual([1, 1]);
  now = 4_500;
  const slow = memory.recall('a', next);
  expect(await memory.recall('a', next)).toBe(1);
  expect([await slow, await memory.recall('a', next)]).toEqual([2, 2]);
  now = 10_000;
  expect(await memory.recall('a', next)).toBe(3);
  memory.forget('b');
  expect(await memory.recall('a', next)).toBe(3);
  memory.forget('a');
  expect(await memory.recall('a', next)).toBe(4);
  // Read before the change was committed, and given after it.
  memory.forget(null);
  const late = memory.recall('a', async () => {
    memory.forget('a');
    return 99;
  });
  expect(await late).toBe(99);
  expect(await memory.recall('a', next)).toBe(5);
  expect(await other.recall('a', next)).toBe(6);
  memory.forget('a');
  await new Promise((resolve) => void setImmediate(resolve));
  expect(await other.recall('a', next)).toBe(7);
  await bus.close();
  await listening;
});
