import type { ErrorCode } from '../../errors.ts';

/** What subscribers of a conversation are told; of a completed answer the rows are read at delivery. */
export type AnswerNotice =
  | { readonly kind: 'started'; readonly messageId: string }
  | { readonly kind: 'delta'; readonly messageId: string; readonly text: string; readonly position: number }
  | { readonly kind: 'completed'; readonly messageId: string }
  | { readonly kind: 'failed'; readonly messageId: string; readonly error: AnswerFailure }
  | { readonly kind: 'cancelled'; readonly messageId: string };

/** Why an answer failed, in words for a person. */
export interface AnswerFailure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Where the notices of a conversation go. */
export const answersTopic = (conversationId: string): string => `answers:${conversationId}`;

/** Asks whichever process writes an answer to stop. */
export const cancelTopic = (messageId: string): string => `cancel:${messageId}`;
