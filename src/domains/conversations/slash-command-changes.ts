import { and, eq, isNull } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import { Conflict, NotFound, type InputIssue } from '../../errors.ts';
import type { CreateSlashCommandInput, UpdateSlashCommandInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { requirePermission } from '../permissions.ts';
import { lockLibrary, lockOwn, refuse, requireRoom, textIssues } from './prompt-rules.ts';
import { slashCommands, type SlashCommandRow } from './prompt-tables.ts';
import { commandNameOf, isNumberedWhole, isReserved } from './slash-grammar.ts';

/** Commands that an organization has in common. */
const maxShared = 1000;
/** Commands that one member has. */
const maxOwn = 100;
const maxPrompt = 10_000;
const maxDescription = 500;

/** The fields that were given, as they are stored. Throws BadUserInput. */
const fieldsOf = ({ command, prompt, description }: Omit<UpdateSlashCommandInput, 'id'>) => {
  const name = typeof command === 'string' ? commandNameOf(command) : command;
  refuse([
    ...nameIssues(name),
    ...textIssues('prompt', prompt, maxPrompt),
    ...(typeof prompt === 'string' && !isNumberedWhole(prompt)
      ? [{ field: 'prompt', message: 'Arguments are numbered from {1} without a gap.' }]
      : []),
    ...textIssues('description', description ?? undefined, maxDescription, 0),
  ]);
  return {
    ...(typeof name === 'string' && { command: name }),
    ...(typeof prompt === 'string' && { prompt: prompt.trim() }),
    ...(description !== undefined && { description: description?.trim() ?? '' }),
  };
};

const nameIssues = (name: string | null | undefined): InputIssue[] => {
  if (name === null)
    return [
      { field: 'command', message: 'A command is a letter and up to 63 letters, digits, _ and -, all of ASCII.' },
    ];
  if (name !== undefined && isReserved(name))
    return [{ field: 'command', message: `The command /${name} is reserved.` }];
  return [];
};

const withFreeName = async <Result>(write: Promise<Result>): Promise<Result> => {
  try {
    return await write;
  } catch (error) {
    if (violates(error, 'slash_commands_command_key'))
      throw new Conflict('command', 'There is a command of this name already.');
    throw error;
  }
};

const isCommand = (organizationId: string, id: string) =>
  and(eq(slashCommands.organizationId, organizationId), eq(slashCommands.id, id));

/** Makes a command of the viewer's own, or with `shared` one of the organization. Throws BadUserInput, Conflict (the name is taken, or there are too many), Forbidden. */
export const createSlashCommand = (
  context: Context,
  { shared, ...input }: CreateSlashCommandInput,
): Promise<SlashCommandRow> => {
  const { command = '', prompt = '', ...rest } = fieldsOf(input);
  const { unit } = context;
  const userId = shared === true ? null : viewerOf(context).userId;
  return withFreeName(
    unit.transact(async ({ organizationId }) => {
      const ofOrganization = eq(slashCommands.organizationId, organizationId);
      if (userId === null) {
        await lockLibrary(context);
        await requireRoom('command', slashCommands, and(ofOrganization, isNull(slashCommands.userId)), maxShared);
      } else {
        await lockOwn(context);
        await requireRoom('command', slashCommands, and(ofOrganization, eq(slashCommands.userId, userId)), maxOwn);
      }
      const values = { ...rest, organizationId, userId, command, prompt };
      const row = sole(await database.insert(slashCommands).values(values).returning());
      unit.record({
        action: 'slash_command.created',
        type: 'SlashCommand',
        id: row.id,
        data: { command, shared: userId === null },
      });
      return row;
    }),
  );
};

/** Locks a command that the viewer sees and is about to change. Throws NotFound, Forbidden (the organization's needs PROMPT_LIBRARY_MANAGE). */
const lockedCommand = async (context: Context, id: string): Promise<SlashCommandRow> => {
  const [row] = await database
    .select()
    .from(slashCommands)
    .where(isCommand(context.unit.organizationId, id))
    .for('no key update');
  if (row === undefined) throw new NotFound('SlashCommand', id);
  if (row.userId === null) requirePermission(viewerOf(context), 'PROMPT_LIBRARY_MANAGE');
  return row;
};

/** Changes a command. Throws BadUserInput, Conflict (the name is taken), Forbidden (the organization's needs PROMPT_LIBRARY_MANAGE), NotFound. */
export const updateSlashCommand = (
  context: Context,
  { id, ...input }: UpdateSlashCommandInput,
): Promise<SlashCommandRow> => {
  const { unit } = context;
  return withFreeName(
    unit.transact(async ({ organizationId }) => {
      const current = await lockedCommand(context, id);
      const fields = fieldsOf(input);
      if (Object.keys(fields).length === 0) return current;
      const row = sole(
        await database.update(slashCommands).set(fields).where(isCommand(organizationId, id)).returning(),
      );
      unit.record({ action: 'slash_command.updated', type: 'SlashCommand', id, data: { fields: Object.keys(fields) } });
      return row;
    }),
  );
};

/** Deletes a command; what was written out before stays as it is. Throws Forbidden (the organization's needs PROMPT_LIBRARY_MANAGE), NotFound. */
export const deleteSlashCommand = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async ({ organizationId }) => {
    const { command } = await lockedCommand(context, id);
    await database.delete(slashCommands).where(isCommand(organizationId, id));
    context.unit.record({ action: 'slash_command.deleted', type: 'SlashCommand', id, data: { command } });
    return id;
  });
