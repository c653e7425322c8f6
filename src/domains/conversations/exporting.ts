import { z } from 'zod';
import { BadUserInput } from '../../errors.ts';
import type { ExportConversationsInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { workspaceById } from '../tenancy/loaders.ts';

/** The job that writes conversations into a file; `export-run.ts` handles it. */
export const exportKind = 'conversations.export';

const maxIds = 100;
const formats = ['JSON', 'JSONL', 'CSV', 'MARKDOWN', 'TUNING'] as const;

/** What the job is given: which conversations, how, and what its requester showed, whose limits hold for it. */
export const exportWork = z.object({
  selection: z.union([z.object({ workspaceId: z.string() }), z.object({ ids: z.array(z.string()) })]),
  format: z.enum(formats),
  credential: z.object({ kind: z.enum(['SESSION', 'API_KEY', 'DEVICE', 'EXTENSION_KEY']), id: z.string() }),
});
export type ExportWork = z.infer<typeof exportWork>;

/** Begins to write conversations into a file of the viewer's own; gives the job's id. Throws BadUserInput, NotFound (workspace). */
export const exportConversations = (context: Context, input: ExportConversationsInput): Promise<string> => {
  const { unit, services } = context;
  const { self, credential } = viewerOf(context);
  const selection = selectionOf(input);
  const work: ExportWork = {
    selection,
    format: input.format,
    credential: { kind: credential.kind, id: credential.id },
  };
  return unit.transact(async ({ organizationId }) => {
    const workspaceId = 'workspaceId' in selection ? selection.workspaceId : null;
    if (workspaceId !== null) await found('Workspace', workspaceId, workspaceById(unit));
    const target =
      workspaceId === null ? { type: 'Organization', id: organizationId } : { type: 'Workspace', id: workspaceId };
    unit.record({ action: 'conversation.export_requested', ...target, workspaceId, data: { format: input.format } });
    return services.queue.enqueue(unit, { kind: exportKind, data: work, target, readers: [self] });
  });
};

const selectionOf = ({ workspaceId, conversationIds }: ExportConversationsInput): ExportWork['selection'] => {
  const ids = conversationIds ?? null;
  if (typeof workspaceId === 'string' && ids === null) return { workspaceId };
  if (ids === null || typeof workspaceId === 'string')
    throw new BadUserInput('conversationIds', 'Give exactly one of workspaceId and conversationIds.');
  if (ids.length < 1 || ids.length > maxIds)
    throw new BadUserInput('conversationIds', `Give 1 to ${maxIds} conversations.`);
  return { ids: [...new Set(ids)] };
};
