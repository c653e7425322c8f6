import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { ConversationRow, MessageRow } from './tables.ts';

/** A conversation as a link shows it, and the unit that sees it and nothing else. */
export interface SharedConversationRow extends Pick<
  ConversationRow,
  'id' | 'title' | 'kind' | 'createdAt' | 'endedAt'
> {
  readonly unit: UnitOfWork;
}
/** Where what was looked for stands in a part of a message's text. */
export interface Passage {
  readonly snippet: string;
  readonly highlights: readonly { readonly start: number; readonly end: number; readonly text: string }[];
}
/** A message that holds what was looked for. */
export type MessageMatchRow = MessageRow & { readonly passage: Passage };
/** What one side said, as a link shows it. */
export type SharedMessageRow = MessageRow;
/** A workspace that uses a template, and what for. */
export interface PromptTemplateUseRow {
  readonly id: string;
  readonly createdAt: string;
  readonly workspaceId: string;
  readonly templateId: string;
  readonly label: string;
  readonly purpose: 'ANSWERS' | 'AGENTS';
}
