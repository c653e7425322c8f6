import { setImmediate as breathe } from 'node:timers/promises';
import type { Work } from '../services.ts';
import { idOf, type PlannedChunk } from '../../search/chunking/plan.ts';
import type { Vectors } from './chunk-set.ts';
import { batchSize, embedded, embedderByKey, modelFault, type Embedding } from '../modelhub/embedder.ts';

/** The vectors that a document's chunks need and do not have yet, by the models that its workspace uses. */
export class DocumentVectors {
  readonly #work: Work;
  readonly #plan: readonly PlannedChunk[];
  readonly #textOf: (chunk: PlannedChunk['chunk']) => string;
  readonly #embedding: Omit<Embedding, 'texts'>;
  readonly #byKey = new Map<string, Map<string, readonly number[]>>();
  /** Models that were asked in vain. */
  readonly #faulty = new Set<string>();

  constructor(
    work: Work,
    plan: readonly PlannedChunk[],
    textOf: (chunk: PlannedChunk['chunk']) => string,
    embedding: Omit<Embedding, 'texts'>,
  ) {
    this.#work = work;
    this.#plan = plan;
    this.#textOf = textOf;
    this.#embedding = embedding;
  }

  get byKey(): Vectors {
    return this.#byKey;
  }

  /** How many vectors there are. */
  get count(): number {
    return [...this.#byKey.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Embeds by those of the models that have not done so yet. The first is the one in use and must succeed; one that is to take over may
   * fail, since whoever embeds the whole workspace finds what is missing. Throws ModelFailure, Conflict, SwitchedOff.
   */
  async embed(keys: readonly string[]): Promise<void> {
    for (const [at, key] of keys.entries()) {
      if (this.#byKey.has(key)) continue;
      try {
        this.#byKey.set(key, await this.#vectorsOf(key));
      } catch (error) {
        if (at === 0 || modelFault(error) === null) throw error;
        this.#faulty.add(key);
      }
    }
  }

  /** Whether there is what these models could give; the first, the one in use, must have given. */
  covers(keys: readonly string[]): boolean {
    return keys.every((key, at) => this.#byKey.has(key) || (at > 0 && this.#faulty.has(key)));
  }

  async #vectorsOf(key: string): Promise<Map<string, readonly number[]>> {
    const { unit, services } = this.#work;
    const embedder = await embedderByKey(unit, services, key);
    await unit.rest();
    const vectors = new Map<string, readonly number[]>();
    const due = this.#plan.filter((each) => each.kind === 'new' || !each.current.embeddedBy.includes(key));
    for (let from = 0; from < due.length; from += batchSize(embedder)) {
      const part = due.slice(from, from + batchSize(embedder));
      const texts = part.map(({ chunk }) => this.#textOf(chunk));
      const given = await embedded(unit, services, embedder, { ...this.#embedding, texts });
      for (const [at, each] of part.entries()) {
        const vector = given[at] ?? [];
        // A text without a single word has a vector of zeros, which is near to nothing.
        if (vector.some((value) => value !== 0)) vectors.set(idOf(each), vector);
      }
      await breathe();
    }
    await unit.rest();
    return vectors;
  }
}
