import { and, eq, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import { Conflict, NotFound, type InputIssue } from '../../errors.ts';
import type { CreatePromptVariableInput, UpdatePromptVariableInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { promptVariableById } from './prompt-loaders.ts';
import { lockLibrary, lockOwn, lockWorkspaceForPrompts, refuse, requireRoom, textIssues } from './prompt-rules.ts';
import { promptVariables, type PromptVariableRow } from './prompt-tables.ts';
import { systemVariables } from './system-prompt.ts';

/** Variables of an organization, and those of one workspace or member. */
const maxStatic = 1000;
const maxNarrow = 100;
const maxValue = 10_000;
const maxDescription = 500;

type Place = Pick<PromptVariableRow, 'type' | 'workspaceId' | 'userId'>;

const keyIssues = (key: string): InputIssue[] => {
  if (!/^[A-Za-z0-9_]{3,255}$/.test(key))
    return [{ field: 'key', message: 'A key has 3 to 255 letters and digits of ASCII and _.' }];
  return key in systemVariables ? [{ field: 'key', message: `The key ${key} is the system's.` }] : [];
};

type Texts = Partial<Record<'value' | 'description', string | null | undefined>>;

const valueIssues = ({ value, description }: Texts): InputIssue[] => [
  ...textIssues('value', value, maxValue, 0),
  ...textIssues('description', description ?? undefined, maxDescription, 0),
];

/** Locks the place that a variable belongs to, so that one at a time changes it. Throws Conflict (archived), Forbidden, NotFound (workspace). */
const lockPlace = async (context: Context, { type, workspaceId }: Place): Promise<void> => {
  if (type === 'WORKSPACE') await lockWorkspaceForPrompts(context, workspaceId ?? '');
  else if (type === 'STATIC') await lockLibrary(context);
  else await lockOwn(context);
};

const ofPlace = (organizationId: string, { type, workspaceId, userId }: Place): SQL | undefined =>
  and(
    eq(promptVariables.organizationId, organizationId),
    eq(promptVariables.type, type),
    workspaceId === null ? undefined : eq(promptVariables.workspaceId, workspaceId),
    userId === null ? undefined : eq(promptVariables.userId, userId),
  );

const isVariable = (organizationId: string, id: string) =>
  and(eq(promptVariables.organizationId, organizationId), eq(promptVariables.id, id));

/** Gives a key a value in the organization, in a workspace or for the viewer. Throws BadUserInput, Conflict (it has one there, there are too many, or the workspace is archived), Forbidden, NotFound (workspace). */
export const createPromptVariable = async (
  context: Context,
  input: CreatePromptVariableInput,
): Promise<PromptVariableRow> => {
  const { type, key, value, description } = input;
  const workspaceId = input.workspaceId ?? null;
  refuse([
    ...keyIssues(key),
    ...valueIssues({ value, description }),
    ...((type === 'WORKSPACE') === (workspaceId !== null)
      ? []
      : [{ field: 'workspaceId', message: 'Values of the type WORKSPACE name a workspace, and no others.' }]),
  ]);
  const { unit } = context;
  const viewer = viewerOf(context);
  const place = { type, workspaceId, userId: type === 'USER' ? viewer.userId : null };
  try {
    return await unit.transact(async ({ organizationId }) => {
      await lockPlace(context, place);
      const max = type === 'STATIC' ? maxStatic : maxNarrow;
      await requireRoom('key', promptVariables, ofPlace(organizationId, place), max);
      const texts = { value: value.trim(), description: description?.trim() ?? '' };
      const values = { ...place, ...texts, key, organizationId, createdById: viewer.userId };
      const row = sole(await database.insert(promptVariables).values(values).returning());
      record(context, 'prompt_variable.created', row, { key, type });
      return row;
    });
  } catch (error) {
    if (violates(error, 'prompt_variables_key_key')) throw new Conflict('key', 'This key has a value there already.');
    throw error;
  }
};

/** Changes a value or its description. Throws BadUserInput, Conflict (archived), Forbidden, NotFound. */
export const updatePromptVariable = (
  context: Context,
  { id, value, description }: UpdatePromptVariableInput,
): Promise<PromptVariableRow> =>
  context.unit.transact(async ({ organizationId }) => {
    const current = await lockedVariable(context, id);
    refuse(valueIssues({ value, description }));
    const fields = {
      ...(typeof value === 'string' && { value: value.trim() }),
      ...(description !== undefined && { description: description?.trim() ?? '' }),
    };
    if (Object.keys(fields).length === 0) return current;
    const written = await database
      .update(promptVariables)
      .set(fields)
      .where(isVariable(organizationId, id))
      .returning();
    const row = sole(written);
    record(context, 'prompt_variable.updated', row, { key: row.key, fields: Object.keys(fields) });
    return row;
  });

/** Takes a value away. Throws Conflict (archived), Forbidden, NotFound. */
export const deletePromptVariable = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async ({ organizationId }) => {
    const row = await lockedVariable(context, id);
    await database.delete(promptVariables).where(isVariable(organizationId, id));
    record(context, 'prompt_variable.deleted', row, { key: row.key, type: row.type });
    return id;
  });

/** The place is locked before the variable, in which order it is made too. */
const lockedVariable = async (context: Context, id: string): Promise<PromptVariableRow> => {
  const place = await found('PromptVariable', id, promptVariableById(context.unit));
  await lockPlace(context, place);
  const [row] = await database
    .select()
    .from(promptVariables)
    .where(isVariable(context.unit.organizationId, id))
    .for('no key update');
  if (row === undefined) throw new NotFound('PromptVariable', id);
  return row;
};

const record = (
  { unit }: Context,
  action: string,
  { id, workspaceId }: PromptVariableRow,
  data: Record<string, unknown>,
): void => unit.record({ action, type: 'PromptVariable', id, workspaceId, data });
