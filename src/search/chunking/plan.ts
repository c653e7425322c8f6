import { newId } from '../../ids.ts';
import type { Chunk } from './chunk.ts';

/** A chunk that a text has now. */
export interface CurrentChunk {
  readonly id: string;
  readonly position: number;
  readonly hash: string;
  readonly termCount: number;
  /** The keys of the models it has a vector of. */
  readonly embeddedBy: readonly string[];
}

/** A chunk that stays, under its id, perhaps in another place. */
export interface KeptChunk {
  readonly kind: 'kept';
  readonly chunk: Chunk;
  readonly current: CurrentChunk;
}

/** A chunk that is new, with its id to be. */
export interface NewChunk {
  readonly kind: 'new';
  readonly chunk: Chunk;
  readonly id: string;
}

export type PlannedChunk = KeptChunk | NewChunk;

/** Pairs the chunks of a text with those there are: equal hashes are the same chunk, in order where there are several. */
export const planned = (chunks: readonly Chunk[], current: readonly CurrentChunk[]): PlannedChunk[] => {
  const byHash = Map.groupBy(current, (chunk) => chunk.hash);
  return chunks.map((chunk) => {
    const same = byHash.get(chunk.hash)?.shift();
    return same === undefined ? { kind: 'new', chunk, id: newId() } : { kind: 'kept', chunk, current: same };
  });
};

/** Where a planned chunk stands, or will. */
export const idOf = (plan: PlannedChunk): string => (plan.kind === 'new' ? plan.id : plan.current.id);
