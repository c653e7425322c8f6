import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eq, sql } from 'drizzle-orm';
import * as fc from 'fast-check';
import { database } from '../src/database/client.ts';
import type { UnitOfWork } from '../src/database/unit-of-work.ts';
import { failAbandonedAnswers } from '../src/domains/conversations/abandoned.ts';
import { messages, runningAnswers } from '../src/domains/conversations/tables.ts';
import { users } from '../src/domains/identity/tables.ts';
import {
  nothingUsed,
  removePastCounters,
  renewQuota,
  reserveQuota,
  settleQuota,
  windowAt,
  type QuotaClaim,
} from '../src/domains/modelhub/quotas.ts';
import { quotaCounters, quotaReservations } from '../src/domains/modelhub/quota-tables.ts';
import { newId } from '../src/ids.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { conversationIn, modelFor, promote, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

const askText = `mutation ($input: AskInput!) { ask(input: $input) { question { id } answer { id status error { code } } } }`;
const quotasText = '{ quotas { subject measure limit used reserved resetsAt } }';
const settingsText = `mutation ($settings: OrganizationSettingsInput!) { updateOrganization(input: { settings: $settings }) {
  organization { settings { dailyMessages monthlyTokens } } } }`;

type Member = Person & { readonly organizationId: string; readonly userId: string };
interface Quota {
  readonly subject: string;
  readonly measure: string;
  readonly limit: number;
  readonly used: number;
  readonly reserved: number;
  readonly resetsAt: string;
}

let bed: Testbed;
let models: OpenAiServer;
beforeAll(async () => {
  [bed, models] = await Promise.all([startTestbed({ MODEL_TIMEOUT_SECONDS: '5' }), startOpenAiServer()]);
});
beforeEach(() => {
  models.reset();
});
afterAll(() => Promise.all([bed.stop(), models.stop()]));

const quotasOf = async (person: Person): Promise<Quota[]> =>
  ((await person.want(quotasText)) as { quotas: Quota[] }).quotas;

const limited = async (settings: object): Promise<Member> => {
  const ada = await bed.signUp();
  await ada.want(settingsText, { settings });
  return ada;
};

/** Reads and gives the connection back: there may be no other. */
const read = async <Result>(unit: UnitOfWork, work: () => Promise<Result>): Promise<Result> => {
  const result = await unit.run(work);
  await unit.rest();
  return result;
};

const messagesIn = async ({ organizationId }: Member): Promise<number> =>
  (await read(unitOf(bed, organizationId), () => database.select({ id: messages.id }).from(messages))).length;

const claim = (limit: number, more: Partial<QuotaClaim> = {}): QuotaClaim => ({
  subject: 'USER',
  subjectKey: 'somebody',
  measure: 'MESSAGES',
  window: 'DAY',
  amount: 1,
  limit,
  ...more,
});

describe('a bound on messages', () => {
  test('lets so many questions in, however many come at once, and says what is left', async () => {
    const ada = await limited({ dailyMessages: 3 });
    const workspaceId = await workspaceOf(ada);
    const conversations = await Promise.all(Array.from({ length: 10 }, () => conversationIn(ada, workspaceId)));
    const before = await messagesIn(ada);
    const asked = await Promise.all(
      conversations.map((conversationId) => ada.ask(askText, { input: { conversationId, text: 'Roses?' } })),
    );
    const refused = asked.flatMap(({ errors }) => errors ?? []);
    expect(refused).toHaveLength(7);
    const { endsAt } = windowAt('DAY');
    expect(refused[0]).toMatchObject({
      message: `The bound of 3 messages a day for you is reached; it begins anew at ${endsAt}.`,
      extensions: { code: 'QUOTA_EXCEEDED', scope: 'USER', limit: 3, resetsAt: endsAt },
    });
    // What was refused left nothing behind.
    expect(await messagesIn(ada)).toBe(before + 6);
    expect(await quotasOf(ada)).toEqual([
      { subject: 'USER', measure: 'MESSAGES', limit: 3, used: 3, reserved: 0, resetsAt: endsAt },
    ]);
  });

  test('of the member holds beside that of the organization: the smaller counts', async () => {
    const ada = await limited({ dailyMessages: 5 });
    await unitOf(bed, null).transact(() =>
      database
        .update(users)
        .set({ dailyMessageLimit: 1 })
        .where(eq(users.id, uuidOf(ada.userId))),
    );
    const conversationId = await conversationIn(ada, await workspaceOf(ada));
    await ada.want(askText, { input: { conversationId, text: 'Roses?' } });
    expect(await ada.codes(askText, { input: { conversationId, text: 'Roses?' } })).toEqual(['QUOTA_EXCEEDED']);
    expect(await quotasOf(ada)).toMatchObject([{ limit: 1, used: 1 }]);
  });

  test('counts no answer that failed', async () => {
    const ada = await limited({ dailyMessages: 1 });
    await promote(bed, ada);
    const workspaceId = await workspaceOf(ada);
    await modelFor(ada, workspaceId, models.url);
    const conversationId = await conversationIn(ada, workspaceId);
    models.script({ status: 400, body: { error: { message: 'no' } } });
    expect(await ada.want(askText, { input: { conversationId, text: 'Roses?' } })).toMatchObject({
      ask: { answer: { status: 'FAILED' } },
    });
    expect(await quotasOf(ada)).toMatchObject([{ used: 0, reserved: 0 }]);
    expect(await ada.want(askText, { input: { conversationId, text: 'Roses?' } })).toMatchObject({
      ask: { answer: { status: 'COMPLETED' } },
    });
  });

  test('gives back what was promised to an answer whose writer died', async () => {
    const ada = await limited({ dailyMessages: 2 });
    await promote(bed, ada);
    const workspaceId = await workspaceOf(ada);
    await modelFor(ada, workspaceId, models.url);
    const conversationId = await conversationIn(ada, workspaceId);
    models.script({ deltas: ['Roses', ' are', ' red.'], gapMs: 400 });
    const asking = ada.ask(askText, { input: { conversationId, text: 'Roses?' } });
    let promised: Quota[] = [];
    for (let tries = 0; tries < 100 && promised[0]?.reserved !== 1; tries++) {
      await pause(20);
      promised = await quotasOf(ada);
    }
    expect(promised).toMatchObject([{ used: 0, reserved: 1 }]);
    const platform = unitOf(bed, null);
    await platform.transact(() =>
      database.update(runningAnswers).set({ leaseUntil: sql`now() - interval '1 second'` }),
    );
    expect(await failAbandonedAnswers(bed.server.installation.services)).toBe(1);
    expect(await quotasOf(ada)).toMatchObject([{ used: 0, reserved: 0 }]);
    await asking;
    // What the writer says afterwards counts no more.
    expect(await quotasOf(ada)).toMatchObject([{ used: 0, reserved: 0 }]);
  });
});

test('a bound on tokens takes the model’s window before the call and what was used after it', async () => {
  const ada = await limited({ monthlyTokens: 8200 });
  await promote(bed, ada);
  const workspaceId = await workspaceOf(ada);
  await modelFor(ada, workspaceId, models.url);
  const conversationId = await conversationIn(ada, workspaceId);
  await ada.want(askText, { input: { conversationId, text: 'Roses?' } });
  // 11 tokens read and 3 written, as the server says; the window of 8,192 no longer fits into what is left.
  expect(await quotasOf(ada)).toMatchObject([{ subject: 'ORGANIZATION', measure: 'TOKENS', used: 14, reserved: 0 }]);
  const seen = models.seen.length;
  expect(await ada.codes(askText, { input: { conversationId, text: 'Roses?' } })).toEqual(['QUOTA_EXCEEDED']);
  expect(models.seen).toHaveLength(seen);
});

test('a bound that is none in number is refused', async () => {
  const ada = await bed.signUp();
  for (const settings of [{ dailyMessages: 0 }, { monthlyTokens: -1 }])
    expect(await ada.codes(settingsText, { settings })).toEqual(['BAD_USER_INPUT']);
});

describe('promises', () => {
  test('whose lease has ended give way, and those that were renewed do not', async () => {
    const { organizationId } = await bed.signUp();
    const unit = unitOf(bed, organizationId);
    const [dead, alive] = [newId(), newId()];
    await unit.transact(async (transaction) => {
      await reserveQuota(transaction, { targetId: dead, leaseSeconds: -1 }, [claim(2)]);
      await reserveQuota(transaction, { targetId: alive, leaseSeconds: -1 }, [claim(2)]);
      await renewQuota(transaction, { targetId: alive, leaseSeconds: 60 });
    });
    await unit.transact((transaction) =>
      reserveQuota(transaction, { targetId: newId(), leaseSeconds: 60 }, [claim(2)]),
    );
    await expect(
      unit.transact((transaction) => reserveQuota(transaction, { targetId: newId(), leaseSeconds: 60 }, [claim(2)])),
    ).rejects.toMatchObject({ extensions: { code: 'QUOTA_EXCEEDED' } });
    const kept = await read(unit, () => database.select({ id: quotaReservations.targetId }).from(quotaReservations));
    expect(kept.map(({ id }) => id)).not.toContain(dead);
  });

  test('of several bounds are made all or not at all', async () => {
    const { organizationId } = await bed.signUp();
    const unit = unitOf(bed, organizationId);
    const claims = [claim(5), claim(0, { subject: 'WIDGET' })];
    await expect(
      unit.transact((transaction) => reserveQuota(transaction, { targetId: newId(), leaseSeconds: 60 }, claims)),
    ).rejects.toMatchObject({ extensions: { scope: 'WIDGET', limit: 0 } });
    expect(await read(unit, () => database.select().from(quotaCounters))).toEqual([]);
  });

  test('of another organization are another bound', async () => {
    for (const { organizationId } of [await bed.signUp(), await bed.signUp()])
      await unitOf(bed, organizationId).transact((transaction) =>
        reserveQuota(transaction, { targetId: newId(), leaseSeconds: 60 }, [claim(1)]),
      );
  });

  test('of a day and of a month that begin together are kept apart, and past ones go', async () => {
    const { organizationId } = await bed.signUp();
    const unit = unitOf(bed, organizationId);
    await unit.transact(async (transaction) => {
      const claims = [claim(1), claim(1, { window: 'MONTH' })];
      await reserveQuota(transaction, { targetId: newId(), leaseSeconds: 60 }, claims);
      await database.update(quotaCounters).set({
        endsAt: sql`now() - interval '91 days'`,
        startsAt: sql`now() - interval '120 days' - random() * interval '1 day'`,
      });
      await reserveQuota(transaction, { targetId: newId(), leaseSeconds: 60 }, claims);
    });
    await unit.transact(removePastCounters);
    expect(await read(unit, () => database.select().from(quotaCounters))).toHaveLength(2);
  });

  test('never pass a limit and leave nothing behind, whatever happens in between', async () => {
    const { organizationId } = await bed.signUp();
    const act = fc.record({
      amount: fc.integer({ min: 1, max: 4 }),
      both: fc.boolean(),
      ending: fc.constantFrom('settled', 'given back', 'crashed'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(act, { minLength: 1, maxLength: 24 }),
        fc.integer({ min: 1, max: 12 }),
        async (acts, limit) => {
          const subjectKey = newId();
          const targets = acts.map(() => newId());
          const outcomes = await Promise.all(
            acts.map(async ({ amount, both, ending }, index) => {
              const targetId = targets[index] ?? '';
              const of = (subject: QuotaClaim['subject']) => claim(limit, { subject, subjectKey, amount });
              const claims = both ? [of('WIDGET'), of('USER')] : [of('USER')];
              const leaseSeconds = ending === 'crashed' ? -1 : 60;
              const unit = unitOf(bed, organizationId);
              try {
                await unit.transact((transaction) => reserveQuota(transaction, { targetId, leaseSeconds }, claims));
              } catch {
                return 0;
              }
              if (ending === 'crashed') return 0;
              const used = ending === 'settled' ? amount : 0;
              await unit.transact((transaction) =>
                settleQuota(transaction, targetId, { ...nothingUsed, MESSAGES: used }),
              );
              return used;
            }),
          );
          const unit = unitOf(bed, organizationId);
          const counters = await read(unit, () =>
            database.select().from(quotaCounters).where(eq(quotaCounters.subjectKey, subjectKey)),
          );
          for (const { used } of counters) expect(Number(used)).toBeLessThanOrEqual(limit);
          const ofUser = counters.find(({ subject }) => subject === 'USER');
          expect(Number(ofUser?.used ?? 0)).toBe(outcomes.reduce((sum, used) => sum + used, 0));
          // Once the leases of the dead have ended, all that is left can be had again.
          const left = limit - Number(ofUser?.used ?? 0);
          const last = newId();
          if (left > 0)
            await unit.transact(async (transaction) => {
              await reserveQuota(transaction, { targetId: last, leaseSeconds: 60 }, [
                claim(limit, { subjectKey, amount: left }),
              ]);
              await settleQuota(transaction, last, nothingUsed);
            });
          const reserved = await read(unit, () =>
            database
              .select({ amount: quotaCounters.reserved })
              .from(quotaCounters)
              .where(sql`${quotaCounters.subjectKey} = ${subjectKey} and ${quotaCounters.subject} = 'USER'`),
          );
          if (left > 0) expect(Number(reserved[0]?.amount ?? 0)).toBe(0);
        },
      ),
      { numRuns: 25 },
    );
  });
});
