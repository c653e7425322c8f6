import { setTimeout as pause } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { Bus, SubscriptionTerms } from '../src/events/bus.ts';
import { FellBehind } from '../src/events/local-bus.ts';

/** What a subscriber hears of roses from now on, and how its subscription ended. */
export const listening = (bus: Bus, terms?: SubscriptionTerms) => {
  const heard: unknown[] = [];
  const messages = bus.subscribe('roses', terms);
  const ended = (async () => {
    for await (const message of messages) heard.push(message);
  })().then(
    () => 'ended',
    (error: unknown) => (error instanceof FellBehind ? 'fell behind' : String(error)),
  );
  return { heard, ended };
};

/** Waits for at most 5 seconds. */
export const until = async (holds: () => boolean): Promise<void> => {
  for (let tries = 0; tries < 200 && !holds(); tries += 1) await pause(25);
  expect(holds()).toBe(true);
};
