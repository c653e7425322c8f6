import { z } from 'zod';
import { found } from '../nodes.ts';
import { scheduled, type ScheduledWorks } from '../scheduled-work.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import { exportConversations } from './exporting.ts';
import { beginQuestion, checkQuestion, scheduledQuestion } from './scheduled-question.ts';
import { exportTrainingData } from './training-export.ts';

const maxPrompt = 8000;
const promptBounds = `This takes 1 to ${maxPrompt.toLocaleString('en')} characters.`;

/** Work of this domain that members can have begun by a clock. */
export const scheduledWork: ScheduledWorks = {
  ASK: scheduled({
    permission: 'CONVERSATION_WRITE',
    input: scheduledQuestion,
    ids: { workspaceId: 'Workspace', conversationId: 'Conversation' },
    check: checkQuestion,
    begin: beginQuestion,
  }),
  EXPORT_CONVERSATIONS: scheduled({
    permission: 'CONVERSATION_READ',
    input: z.object({ workspaceId: z.string(), format: z.enum(['JSON', 'JSONL', 'CSV', 'MARKDOWN', 'TUNING']) }),
    ids: { workspaceId: 'Workspace' },
    check: async ({ unit }, { workspaceId }) => {
      await found('Workspace', workspaceId, workspaceById(unit));
    },
    begin: ({ context }, { workspaceId, format }) => exportConversations(context, { workspaceId, format }),
  }),
  EXPORT_TRAINING_DATA: scheduled({
    permission: 'TRAINING_MANAGE',
    input: z.object({
      format: z.enum(['JSONL', 'CSV']),
      systemPrompt: z.string().trim().min(1, promptBounds).max(maxPrompt, promptBounds).optional(),
      includeUsed: z.boolean(),
      markUsed: z.boolean(),
    }),
    ids: {},
    check: async () => undefined,
    begin: ({ context }, { systemPrompt = null, ...options }) =>
      exportTrainingData(context, { ...options, systemPrompt }),
  }),
};
