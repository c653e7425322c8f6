import { sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput } from '../../errors.ts';
import type { AddMessageInput } from '../../generated/resolvers.ts';
import { lockedFile, renewFileReaders } from '../content/file-readers.ts';
import { viewerOf, type Context } from '../context.ts';
import { requireActive } from '../permissions.ts';
import { announce } from './conversation-events.ts';
import { lockOpenConversation } from './conversation-lock.ts';
import { goOnAtNewest, placeIn } from './placing.ts';
import { messages, parsedFiles, type MessageRow } from './tables.ts';
import { writtenText } from './written-text.ts';

const maxDurationMs = 24 * 60 * 60 * 1000;

/** Throws BadUserInput for what only a message with a file has. */
export const requireTextAlone = ({ type, durationMs }: AddMessageInput): void => {
  if (typeof type === 'string' && type !== 'TEXT')
    throw new BadUserInput('fileId', `A message of the type ${type} goes with an uploaded file.`);
  if (typeof durationMs === 'number') throw new BadUserInput('durationMs', 'Only a recording has a length.');
};

const kindOf = (mimeType: string): MessageRow['type'] => {
  if (mimeType.startsWith('audio/')) return 'AUDIO';
  return mimeType.startsWith('image/') ? 'IMAGE' : 'FILE';
};

/** What the bytes of a file show has to be what the message says it is; any file may go as FILE. Throws BadUserInput. */
const requireKind = (mimeType: string, type: MessageRow['type']): void => {
  if (type === 'TEXT') throw new BadUserInput('type', 'Text goes without a file.');
  if (type !== 'FILE' && type !== kindOf(mimeType))
    throw new BadUserInput('fileId', `The type ${type} needs another file than one of ${mimeType}.`);
};

/**
 * Adds a message that goes with an uploaded file; whoever sees the conversation sees the file from then on. Throws BadUserInput, Conflict (ENDED,
 * archived, the file's bytes have not arrived), NotFound (conversation, file).
 */
export const addFileMessage = (
  context: Context,
  {
    conversationId,
    content,
    fileId,
    type,
    durationMs,
    parentId: behind,
  }: AddMessageInput & { readonly fileId: string },
  metadata: MessageRow['metadata'],
): Promise<MessageRow> => {
  const { unit } = context;
  const viewer = viewerOf(context);
  const caption = content.trim() === '' ? '' : writtenText('content', content);
  const length = durationMs ?? null;
  if (length !== null && (length < 1 || length > maxDurationMs))
    throw new BadUserInput('durationMs', `A recording has 1 to ${maxDurationMs} milliseconds.`);
  return unit.transact(async ({ organizationId }) => {
    const conversation = await lockOpenConversation(unit, conversationId);
    const { workspaceId } = conversation;
    requireActive(viewer, workspaceId);
    const file = await lockedFile(unit, fileId);
    const shown = type ?? kindOf(file.mimeType);
    requireKind(file.mimeType, shown);
    if (length !== null && shown !== 'AUDIO')
      throw new BadUserInput('durationMs', 'Only a recording, of the type AUDIO, has a length.');
    const { newest, parentId, createdAt } = await placeIn(unit, conversation, behind);
    const row = { organizationId, workspaceId, conversationId, parentId, createdAt, fileId, metadata };
    const written = database
      .with(newest)
      .insert(messages)
      .values({ ...row, role: 'USER', senderId: viewer.userId, type: shown, content: caption, durationMs: length })
      .returning();
    const message = sole(await written);
    await goOnAtNewest(organizationId, conversation);
    await renewFileReaders(unit, [fileId]);
    unit.record({ action: 'message.added', type: 'Message', id: message.id, workspaceId });
    announce(context, conversationId, { kind: 'message', messageId: message.id });
    return message;
  });
};

/** Files that were sent with messages of a conversation or dropped into it. */
export const filesOfConversation = async (organizationId: string, conversationId: string): Promise<string[]> => {
  const rows = await database.execute<{ id: string }>(sql`
    select ${messages.fileId} as id from ${messages}
    where ${messages.organizationId} = ${organizationId} and ${messages.conversationId} = ${conversationId} and ${messages.fileId} is not null
    union
    select ${parsedFiles.fileId} from ${parsedFiles}
    where ${parsedFiles.organizationId} = ${organizationId} and ${parsedFiles.conversationId} = ${conversationId}`);
  return Array.from(rows, ({ id }) => id);
};
