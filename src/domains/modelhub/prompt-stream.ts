import { setTimeout as pause } from 'node:timers/promises';
import { FellBehind } from '../../events/local-bus.ts';
import type { ResolversTypes } from '../../generated/resolvers.ts';
import { globalId } from '../../ids.ts';
import type { Context } from '../context.ts';
import { found } from '../nodes.ts';
import { renewSubscriber } from '../tenancy/subscribers.ts';
import { promptTopic, tellRunAgainTopic, type RunNotice, type TellRunAgain } from './prompt-events.ts';
import { promptById, promptRunsByPrompt } from './prompt-loaders.ts';

/** How old the knowledge of a listener's rights may be at a delivery. */
const recheckMs = 3000;
/** Silence after which is looked whether something was missed: notices between processes can be lost. */
const silenceMs = 5000;

type Event = Awaited<ResolversTypes['PromptRunEvent']>;
type Told = IteratorResult<{ promptRunStream: Event }, undefined>;

/**
 * The answers to a prompt from their beginnings, each piece once and in order, whichever process makes them, until all runs are over or the listener
 * may no longer see them. Between events no connection is held. Throws NotFound.
 */
export const promptRunStream = async (
  context: Context,
  promptId: string,
): Promise<AsyncIterableIterator<{ promptRunStream: Event }>> => {
  const listener = new Listener(context, promptId);
  // Looked up after listening has begun, so that an end in between is not missed.
  await found('Prompt', promptId, promptById(context.unit)).catch(async (error: unknown) => {
    await listener.return();
    throw error;
  });
  return listener;
};

class Listener implements AsyncIterableIterator<{ promptRunStream: Event }> {
  readonly #context: Context;
  readonly #promptId: string;
  #source: AsyncIterableIterator<object>;
  /** The next notice, asked for already. */
  #asked: Promise<IteratorResult<object>> | undefined;
  readonly #waiting: Event[] = [];
  /** How much of each run's text was told. */
  readonly #told = new Map<string, number>();
  readonly #over = new Set<string>();
  #begun = false;
  #ended = false;
  #checkedAt = Date.now();

  constructor(context: Context, promptId: string) {
    this.#context = context;
    this.#promptId = promptId;
    this.#source = context.services.bus.subscribe(promptTopic(promptId));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<Told> {
    for (;;) {
      await this.#context.unit.rest();
      const event = this.#waiting.shift();
      if (event !== undefined) return { done: false, value: { promptRunStream: event } };
      if (this.#ended) return this.return();
      const notice = this.#begun ? await this.#heard() : 'look';
      this.#begun = true;
      if (notice === 'closed' || !(await this.#stillVisible())) return this.return();
      if (notice === 'look' || notice.kind === 'ended') await this.#look();
      else this.#take(notice);
    }
  }

  async return(): Promise<Told> {
    this.#ended = true;
    await this.#source.return?.();
    await this.#context.unit.rest();
    return { done: true, value: undefined };
  }

  async #heard(): Promise<RunNotice | 'look' | 'closed'> {
    const silence = new AbortController();
    try {
      this.#asked ??= this.#source.next();
      const first = await Promise.race([
        this.#asked,
        pause(silenceMs, 'silence' as const, { ref: false, signal: silence.signal }),
      ]);
      if (first === 'silence') return 'look';
      this.#asked = undefined;
      // The cast is safe: only this domain publishes on the topic.
      return first.done === true ? 'closed' : (first.value as RunNotice);
    } catch (error) {
      if (!(error instanceof FellBehind)) throw error;
      this.#asked = undefined;
      this.#source = this.#context.services.bus.subscribe(promptTopic(this.#promptId));
      return 'look';
    } finally {
      silence.abort();
    }
  }

  async #stillVisible(): Promise<boolean> {
    if (Date.now() - this.#checkedAt < recheckMs) return true;
    this.#checkedAt = Date.now();
    if (!(await renewSubscriber(this.#context, 'PROMPT_RUN'))) return false;
    return (await promptById(this.#context.unit).load(this.#promptId)) !== null;
  }

  /** Takes a piece, or what is new of it; one behind a gap is asked for again. */
  #take({ runId, text, position }: Extract<RunNotice, { kind: 'delta' }>): void {
    const told = this.#told.get(runId) ?? 0;
    if (position > told) this.#askAgain(runId);
    else if (position + text.length > told) this.#tell(runId, text.slice(told - position), told);
  }

  #tell(runId: string, text: string, position: number): void {
    if (this.#over.has(runId)) return;
    this.#told.set(runId, position + text.length);
    this.#waiting.push({ __typename: 'PromptRunDelta', runId: globalId('PromptRun', runId), text, position });
  }

  #askAgain(runId: string): void {
    const wish: TellRunAgain = { from: this.#told.get(runId) ?? 0 };
    this.#context.services.bus.publish(tellRunAgainTopic(runId), wish);
  }

  /** Reads how the runs stand: tells the rest of those that are over, and asks for what of the others was missed. */
  async #look(): Promise<void> {
    // A fresh unit, whose loaders know nothing from before.
    this.#context.unit = this.#context.unit.as(this.#context.unit.scope);
    const runs = await promptRunsByPrompt(this.#context.unit).load(this.#promptId);
    for (const run of runs) {
      if (this.#over.has(run.id)) continue;
      if (run.status === 'PENDING') {
        this.#askAgain(run.id);
        continue;
      }
      const told = this.#told.get(run.id) ?? 0;
      if (run.text.length > told) this.#tell(run.id, run.text.slice(told), told);
      this.#waiting.push({ __typename: 'PromptRunEnded', run });
      this.#over.add(run.id);
    }
    this.#ended = runs.every(({ id }) => this.#over.has(id));
  }
}
