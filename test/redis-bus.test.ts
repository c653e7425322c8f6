import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { RedisBus } from '../src/events/redis-bus.ts';
import { listening, until } from './bus-talk.ts';
import { startRealRedis, whereRedisIs, type RealRedis } from './neighbours.ts';

const log = pino({ level: 'silent' });

whereRedisIs('the bus on Redis', () => {
  let redis: RealRedis;
  const opened: RedisBus[] = [];
  beforeAll(async () => {
    redis = await startRealRedis();
  });
  afterAll(() => redis.stop());
  afterEach(async () => {
    for (const bus of opened.splice(0)) await bus.close();
  });

  /** The bus of one process. */
  const processOn = async (url = redis.url): Promise<RedisBus> => {
    const bus = await new RedisBus(url, log).open();
    opened.push(bus);
    return bus;
  };

  test('carries messages to the other processes in order, and to its own once', async () => {
    const [one, other] = [await processOn(), await processOn()];
    const [here, there] = [listening(one), listening(other)];
    const sent = Array.from({ length: 1000 }, (_, number) => ({ number, text: 'ä'.repeat(number % 20) }));
    for (const message of sent) one.publish('roses', message);
    one.publish('tulips', { number: 1 });
    expect(here.heard).toEqual([]);
    await until(() => there.heard.length === sent.length);
    await pause(50);
    expect(there.heard).toEqual(sent);
    expect(here.heard).toEqual(sent);
  });

  test('a message larger than any notification of Postgres arrives too', async () => {
    const [one, other] = [await processOn(), await processOn()];
    const there = listening(other);
    const message = { text: 'x'.repeat(50_000) };
    one.publish('roses', message);
    await until(() => there.heard.length === 1);
    expect(there.heard).toEqual([message]);
  });

  test('an installation on another number of the same Redis hears nothing', async () => {
    const [one, other, strange] = [await processOn(), await processOn(), await processOn(`${redis.url}/1`)];
    const [there, elsewhere] = [listening(other), listening(strange)];
    one.publish('roses', { number: 1 });
    await until(() => there.heard.length === 1);
    await pause(50);
    expect(elsewhere.heard).toEqual([]);
  });

  test('what was published before the end still leaves, and the end ends all subscriptions', async () => {
    const [one, other] = [await processOn(), await processOn()];
    const [here, there] = [listening(one), listening(other)];
    for (let number = 0; number < 100; number += 1) one.publish('roses', { number });
    await one.close();
    await one.close();
    expect(await here.ended).toBe('ended');
    await until(() => there.heard.length === 100);
  });

  test('while Redis is away a process hears itself; afterwards all hear all, and who can look up what they missed is told', async () => {
    const [one, other] = [await processOn(), await processOn()];
    const [here, there, thorough] = [listening(one), listening(other), listening(other, { looksUpMissed: true })];
    await redis.kill();
    for (let number = 0; number < 10; number += 1) one.publish('roses', { number });
    await until(() => here.heard.length === 10);
    expect(there.heard).toEqual([]);
    await redis.start();
    expect(await thorough.ended).toBe('fell behind');
    let again = listening(other, { looksUpMissed: true });
    // It may be told once more, by the one that could not speak meanwhile.
    void again.ended.then(() => (again = listening(other, { looksUpMissed: true })));
    await until(() => {
      one.publish('roses', { after: true });
      return there.heard.length > 0 && again.heard.length > 0;
    });
    expect(there.heard[0]).toEqual({ after: true });
  });

  test('a process that alone was cut off for a moment lets the others know that they have missed something', async () => {
    const [one, other] = [await processOn(), await processOn()];
    const [forgiving, thorough] = [listening(other), listening(other, { looksUpMissed: true })];
    const admin = new Redis(redis.url);
    // Publishers alone: those who listen stay connected.
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal');
    await pause(20);
    one.publish('roses', { number: 1 });
    expect(await thorough.ended).toBe('fell behind');
    expect(forgiving.heard).toEqual([]);
    admin.disconnect();
  });

  test('a process that begins while Redis is away joins in when it is back', async () => {
    await redis.kill();
    const [one, other] = [await processOn(), await processOn()];
    const there = listening(other);
    await redis.start();
    await until(() => {
      one.publish('roses', { number: 1 });
      return there.heard.length > 0;
    });
  });
});
