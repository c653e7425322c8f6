import type { ErrorCode } from '../../errors.ts';

/** What subscribers of a conversation are told; of a completed answer the rows are read at delivery. */
export type AnswerNotice = { readonly kind: 'started'; readonly messageId: string } | DeltaNotice | EndNotice;

/** More of an answer. */
export interface DeltaNotice {
  readonly kind: 'delta';
  readonly messageId: string;
  readonly text: string;
  /** Where the text begins in the answer, in UTF-16 code units. */
  readonly position: number;
}

/** An answer has ended and is stored. `length` is that of its text, in UTF-16 code units; absent where whoever ended it did not write it. */
export type EndNotice = { readonly messageId: string; readonly length?: number } & (
  { readonly kind: 'completed' | 'cancelled' } | { readonly kind: 'failed'; readonly error: AnswerFailure }
);

/** Why an answer failed, in words for a person. */
export interface AnswerFailure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Where the notices of a conversation go. */
export const answersTopic = (conversationId: string): string => `answers:${conversationId}`;

/** Asks whichever process writes an answer to stop. */
export const cancelTopic = (messageId: string): string => `cancel:${messageId}`;

/** Asks whichever process writes an answer to tell it again from a position on: somebody has missed a piece. */
export const tellAgainTopic = (messageId: string): string => `tell-again:${messageId}`;

/** What is asked for there. */
export interface TellAgain {
  /** In UTF-16 code units. */
  readonly from: number;
}
