import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eq } from 'drizzle-orm';
import postgres from 'postgres';
import { database } from '../src/database/client.ts';
import { UnitOfWork, wholeOf } from '../src/database/unit-of-work.ts';
import { Outbox } from '../src/domains/knowledge/outbox.ts';
import { forgetErased } from '../src/domains/knowledge/forgetting.ts';
import { knowledgeOf, knowledgePart } from '../src/domains/knowledge/schema.ts';
import { knowledgeEntries, outbox } from '../src/domains/knowledge/tables.ts';
import { events } from '../src/events/tables.ts';
import { newId } from '../src/ids.ts';
import { unitOf, uuidOf } from './talk.ts';
import { startTestbed } from './testbed.ts';

const onPostgres = process.env.TEST_POSTGRES_URL === undefined ? describe.skip : describe;

type Bed = Awaited<ReturnType<typeof startTestbed>>;

onPostgres('a knowledge bank with a database of its own', () => {
  let bed: Bed;
  beforeAll(async () => {
    bed = await startTestbed({}, undefined, 'apart');
  });
  afterAll(() => bed.stop());

  /** A unit of somebody who sees a whole organization. */
  const unitIn = (organization: string): UnitOfWork =>
    new UnitOfWork(wholeOf(uuidOf(organization)), {
      ...bed.server.installation.services,
      origin: { requestId: 'asked', address: '10.1.2.3', userAgent: 'test' },
    });

  /** Writes an entry as an operation does, with what the log is told. */
  const written = (bank: UnitOfWork, title: string): Promise<string> =>
    bank.transact(async ({ organizationId }) => {
      const id = newId();
      await database
        .insert(knowledgeEntries)
        .values({ organizationId, id, title, content: 'Text', category: 'General' });
      bank.record({ action: 'knowledge_entry.created', type: 'KnowledgeEntry', id, data: { title } });
      return id;
    });

  const logged = async (organization: string) => {
    const unit = unitIn(organization);
    const rows = await unit.run(() =>
      database.select().from(events).where(eq(events.action, 'knowledge_entry.created')).orderBy(events.id),
    );
    await unit.rest();
    return rows;
  };

  const waiting = async (organization: string) => {
    const bank = knowledgeOf(unitIn(organization));
    const rows = await bank.run(() =>
      database
        .select()
        .from(outbox)
        .where(eq(outbox.organizationId, uuidOf(organization))),
    );
    await bank.rest();
    return rows;
  };

  const until = async (holds: () => Promise<boolean>): Promise<void> => {
    while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
  };

  /** An outbox that fails as told, in place of the process's own. */
  const withPool = (failing: 'log' | 'nothing') => {
    const { services } = bed.server.installation;
    const part = services.parts[knowledgePart];
    if (part === undefined) throw new Error('The bank does not stand apart.');
    const main =
      failing === 'nothing'
        ? services
        : {
            ...services,
            pool: Object.assign(Object.create(services.pool), { lend: () => Promise.reject(new Error('away')) }),
          };
    return { outbox: new Outbox(main, part.pool, services.log), pool: part.pool };
  };

  test('stands in that database alone', async () => {
    const ada = await bed.signUp();
    await written(knowledgeOf(unitIn(ada.organizationId)), 'Apart');
    const count = async (url: string) => {
      const owner = postgres(url, { max: 1, onnotice: () => undefined });
      const [row] = await owner<{ exists: boolean }[]>`select to_regclass('knowledge.entries') is not null as exists`;
      const [other] = await owner<{ exists: boolean }[]>`select to_regclass('documents') is not null as exists`;
      await owner.end();
      return { bank: row?.exists, rest: other?.exists };
    };
    expect(await count(bed.ownerUrl ?? '')).toEqual({ bank: false, rest: true });
    expect(await count(bed.database?.knowledge?.ownerUrl ?? '')).toEqual({ bank: true, rest: false });
  });

  test('its changes come into the log of the organization as they were, in their order, and are announced', async () => {
    const ada = await bed.signUp();
    const { bus } = bed.server.installation.services;
    const heard = bus.subscribe(`changes:${uuidOf(ada.organizationId)}`);
    const unit = unitIn(ada.organizationId);
    const ids: string[] = [];
    for (const title of ['One', 'Two', 'Three']) ids.push(await written(knowledgeOf(unit), title));
    await until(async () => (await logged(ada.organizationId)).length === 3);
    const rows = await logged(ada.organizationId);
    expect(rows.map(({ targetId }) => targetId)).toEqual(ids);
    expect(rows[0]).toMatchObject({
      targetType: 'KnowledgeEntry',
      requestId: 'asked',
      address: '10.1.2.3',
      userAgent: 'test',
      data: { title: 'One' },
    });
    const { value } = await heard.next();
    expect(value).toMatchObject({ action: 'knowledge_entry.created', id: ids[0] });
    await heard.return?.();
    await until(async () => (await waiting(ada.organizationId)).length === 0);
  });

  test('what a crash leaves behind is carried over once, however often it is tried', async () => {
    const [ada, bob] = [await bed.signUp(), await bed.signUp('Bob')];
    const { outbox: broken, pool } = withPool('log');
    for (const person of [ada, bob])
      for (const title of ['One', 'Two'])
        await written(
          new UnitOfWork(wholeOf(uuidOf(person.organizationId)), {
            pool,
            ledger: broken,
            origin: { requestId: 'asked', address: null, userAgent: null },
          }),
          title,
        );
    await broken.rest();
    const [first, second] = [await waiting(ada.organizationId), await waiting(bob.organizationId)];
    expect([first.length, second.length]).toEqual([2, 2]);
    expect(await logged(ada.organizationId)).toEqual([]);
    // A crash behind the log's commit and before the outbox's: the entry stands in both.
    const { createdAt, ...told } = first[0] ?? { createdAt: '' };
    await unitIn(ada.organizationId).transact(() =>
      database.insert(events).values({ ...told, createdAt } as typeof events.$inferInsert),
    );
    const { outbox: whole } = withPool('nothing');
    const signal = new AbortController().signal;
    await Promise.all([whole.carryAll(signal), withPool('nothing').outbox.carryAll(signal)]);
    for (const person of [ada, bob]) {
      expect((await logged(person.organizationId)).map(({ data }) => data.title)).toEqual(['One', 'Two']);
      expect(await waiting(person.organizationId)).toEqual([]);
    }
    expect((await logged(ada.organizationId)).map(({ id }) => id)).toEqual(first.map(({ id }) => id));
  });

  test('a change that is undone is told to nobody', async () => {
    const ada = await bed.signUp();
    const bank = knowledgeOf(unitIn(ada.organizationId));
    const undone = bank.transact(async () => {
      await written(bank, 'Undone');
      throw new Error('Something else failed.');
    });
    await expect(undone).rejects.toThrow('Something else failed.');
    expect(await waiting(ada.organizationId)).toEqual([]);
    expect(await logged(ada.organizationId)).toEqual([]);
  });

  test('each sees the entries of their own organization and groups there too', async () => {
    const [ada, bob] = [await bed.signUp(), await bed.signUp('Bob')];
    const [mine, groupId] = [await written(knowledgeOf(unitIn(ada.organizationId)), 'Mine'), newId()];
    await knowledgeOf(unitIn(ada.organizationId)).transact(() =>
      database
        .update(knowledgeEntries)
        .set({ status: 'PUBLISHED', publishedAt: new Date().toISOString(), groupId })
        .where(eq(knowledgeEntries.id, mine)),
    );
    const seen = async (unit: UnitOfWork) => {
      const rows = await knowledgeOf(unit).run(() => database.select().from(knowledgeEntries));
      await unit.rest();
      return rows.map(({ title }) => title);
    };
    const asMember = (principals: string[]) => {
      const whole = unitIn(ada.organizationId);
      return whole.as({ ...whole.scope, principals });
    };
    expect(await seen(asMember([groupId]))).toEqual(['Mine']);
    expect(await seen(asMember([]))).toEqual([]);
    expect(await seen(unitIn(bob.organizationId))).toEqual([]);
  });

  test('it forgets an organization and a person that are erased', async () => {
    const [ada, bob] = [await bed.signUp(), await bed.signUp('Bob')];
    const { services } = bed.server.installation;
    const [adas, bobs] = [unitIn(ada.organizationId), unitIn(bob.organizationId)];
    await written(knowledgeOf(adas), 'Ada’s');
    const id = await written(knowledgeOf(bobs), 'Bob’s');
    const [adaId, bobId] = [uuidOf(ada.userId), uuidOf(bob.userId)];
    await knowledgeOf(bobs).transact(() =>
      database.update(knowledgeEntries).set({ createdById: adaId }).where(eq(knowledgeEntries.id, id)),
    );
    const platform = unitOf(bed, null);
    await platform.transact(async () => {
      platform.record({ action: 'organization.erased', type: 'Organization', id: adas.organizationId });
      const data = { organizations: [bobs.organizationId] };
      platform.record({ action: 'user.erased', type: 'User', id: adaId, data });
    });
    const signal = new AbortController().signal;
    await forgetErased({ services, unit: platform }, signal);
    const entries = async (unit: UnitOfWork) => {
      const rows = await knowledgeOf(unit).run(() => database.select().from(knowledgeEntries));
      await unit.rest();
      return rows.map(({ title, createdById }) => ({ title, createdById }));
    };
    expect(await entries(adas)).toEqual([]);
    expect(await entries(bobs)).toEqual([{ title: 'Bob’s', createdById: null }]);
    // Acted on once: what comes later is another's.
    await knowledgeOf(bobs).transact(() =>
      database.update(knowledgeEntries).set({ createdById: bobId }).where(eq(knowledgeEntries.id, id)),
    );
    await forgetErased({ services, unit: platform }, signal);
    expect(await entries(bobs)).toEqual([{ title: 'Bob’s', createdById: bobId }]);
  });
});

test('beside everything else the bank needs no outbox', async () => {
  const bed = await startTestbed();
  const { services } = bed.server.installation;
  expect([services.outbox, services.parts]).toEqual([null, {}]);
  const unit = unitOf(bed, null);
  expect(knowledgeOf(unit)).toBe(unit);
  await bed.stop();
});
