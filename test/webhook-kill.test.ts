import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { dataDirectory, startWorker, testEncryptionKey } from '../scripts/tessera-process.ts';
import { database } from '../src/database/client.ts';
import { events } from '../src/events/tables.ts';
import { newId } from '../src/ids.ts';
import { unitOfAll } from './machines.ts';
import { uuidOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';
import { catchUp, Receiver, tamperWith, until, verified, webhookOf, type Received } from './webhooks.ts';

/** Processes of their own need a database that several can connect to. */
const onPostgres = process.env.TEST_POSTGRES_URL !== undefined && process.env.TEST_POOL_SIZE !== '1' ? test : test.skip;

const [changes, subscribers, kills] = [10_000, 5, 10];
const atOnce = 100;

/** Writes changes to the log as transactions do that overlap: their ids are not committed in order, and nobody is told. */
const makeChanges = async (bed: Testbed, ada: { userId: string; organizationId: string }): Promise<void> => {
  const [organizationId, targetId] = [uuidOf(ada.organizationId), uuidOf(ada.organizationId)];
  const lanes = Array.from({ length: 4 }, async (_lane, lane) => {
    for (let from = lane * atOnce; from < changes; from += 4 * atOnce) {
      await unitOfAll(bed, ada).transact(async () => {
        const rows = Array.from({ length: atOnce }, (_row, at) => ({
          organizationId,
          id: newId(),
          action: 'thing.changed',
          targetType: 'Thing',
          targetId,
          requestId: 'test',
          data: { number: from + at },
        }));
        await database.insert(events).values(rows);
        await database.execute(sql`select pg_sleep(${randomInt(0, 300) / 1000})`);
      });
      await pause(randomInt(0, 1200));
    }
  });
  await Promise.all(lanes);
};

/** What one subscriber got: for each change the ids that it came under, and how often it was taken. */
class Taken {
  readonly ids = new Map<number, Set<string>>();
  readonly times = new Map<number, number>();

  note({ headers, body }: Received): void {
    const { data } = JSON.parse(body) as { data: { changes: { number: number } } };
    const { number } = data.changes;
    this.ids.set(number, (this.ids.get(number) ?? new Set()).add(String(headers['webhook-id'])));
    this.times.set(number, (this.times.get(number) ?? 0) + 1);
  }
}

const wake = (ada: Person, ids: readonly string[]): Promise<unknown> =>
  Promise.all(
    ids.map((id) => ada.want('mutation ($id: ID!) { resumeWebhook(input: { id: $id }) { webhook { id } } }', { id })),
  );

onPostgres(
  '10,000 changes come to 5 subscribers that fail a fifth of the time, each under one id, though workers are killed ten times',
  async () => {
    const [bed, receiver, data] = await Promise.all([
      startTestbed({ WORKERS: 'off', ENCRYPTION_KEYS: testEncryptionKey, ALLOW_PRIVATE_ADDRESSES: 'on' }),
      new Receiver().start(),
      dataDirectory(),
    ]);
    const work = () =>
      startWorker({
        NODE_ENV: 'test',
        DATABASE_URL: bed.database?.url ?? '',
        ENCRYPTION_KEYS: testEncryptionKey,
        TESSERA_DATA_DIR: data.path,
        ALLOW_PRIVATE_ADDRESSES: 'on',
        LOG_LEVEL: 'error',
      });
    const workers = [await work(), await work()];
    try {
      const ada = await bed.signUp();
      const webhooks: { readonly id: string; readonly secret: string }[] = [];
      for (let made = 0; made < subscribers; made++)
        webhooks.push(await webhookOf(ada, { url: receiver.url(`/${made}`), events: ['thing.*'] }));
      const taken = webhooks.map(() => new Taken());
      const counted = { requests: 0, refused: 0, checked: 0 };
      receiver.answer = (request, response) => {
        counted.requests += 1;
        // Kept elsewhere.
        receiver.received.length = 0;
        const at = Number(request.path.slice(1));
        if (counted.requests % 10 === 0) {
          verified(webhooks[at]?.secret ?? '', request);
          counted.checked += 1;
        }
        if (randomInt(5) === 0) {
          counted.refused += 1;
          response.writeHead(503).end();
        } else {
          taken[at]?.note(request);
          response.writeHead(200).end();
        }
      };
      const making = makeChanges(bed, ada);
      const life = new AbortController();
      // Life goes on: webhooks are woken, and hours pass for what has failed more than once.
      const living = (async () => {
        for (let turn = 0; !life.signal.aborted; turn++) {
          await tamperWith(
            bed,
            ada.organizationId,
            sql`update webhook_deliveries set next_attempt_at = now() where organization_id = ${uuidOf(ada.organizationId)}
              and next_attempt_at > now() + interval '1 minute'`,
          );
          await wake(
            ada,
            webhooks.map(({ id }) => id),
          );
          if (turn % 8 === 7) await catchUp(bed);
          await pause(700);
        }
      })();
      let killed = 0;
      for (let before = 0; killed < kills; killed++) {
        // Not before something is under way again.
        const from = before;
        await until(
          () => counted.requests,
          (requests) => requests >= from + 500,
          120,
        );
        await pause(randomInt(0, 300));
        const [oldest] = workers.splice(0, 1);
        await oldest?.stop('SIGKILL');
        before = counted.requests;
        workers.push(await work());
      }
      await making;
      const pending = async (): Promise<unknown> => {
        const unit = unitOfAll(bed, ada);
        const [row] = await unit.run(() =>
          database.execute(sql`select count(*) filter (where state = 'DELIVERED')::int as delivered, count(*)::int as total
            from webhook_deliveries where action = 'thing.changed'`),
        );
        await unit.rest();
        return row;
      };
      const all = { delivered: changes * subscribers, total: changes * subscribers };
      const began = Date.now();
      while (JSON.stringify(await pending()) !== JSON.stringify(all) && Date.now() < began + 150_000) await pause(500);
      life.abort();
      await living;

      expect(await pending()).toEqual(all);
      for (const { ids } of taken) {
        expect(ids.size).toBe(changes);
        expect([...ids.values()].filter((each) => each.size !== 1)).toEqual([]);
      }
      const every = new Set<string>();
      for (const { ids } of taken) for (const each of ids.values()) for (const id of each) every.add(id);
      expect(every.size).toBe(changes * subscribers);
      expect(counted.refused / counted.requests).toBeGreaterThan(0.18);
      expect(counted.refused / counted.requests).toBeLessThan(0.22);
      expect(counted.checked).toBeGreaterThan(5000);
      expect(killed).toBe(kills);
      const twice = taken.reduce((sum, { times }) => sum + [...times.values()].filter((count) => count > 1).length, 0);
      process.stdout.write(
        `${counted.requests} requests, ${counted.refused} refused, ${twice} changes came more than once.\n`,
      );
    } finally {
      await Promise.all(workers.map((worker) => worker.stop()));
      await bed.stop();
      receiver.stop();
      await data.remove();
    }
  },
  300_000,
);
