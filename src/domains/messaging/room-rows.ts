import type { RoomMessageRow } from './room-tables.ts';

/** The same emoji of one or more people under a message. */
export interface RoomReactionGroupRow {
  readonly messageId: string;
  readonly emoji: string;
  readonly count: number;
  /** Whether the viewer is among them. */
  readonly mine: boolean;
  /** The first five of them. */
  readonly userIds: readonly string[];
}

/** A message that a search found, with what its highlights are made from. */
export interface RoomMessageSearchEdgeRow {
  readonly cursor: string;
  readonly node: RoomMessageRow;
  readonly query: string;
  readonly language: string;
}
