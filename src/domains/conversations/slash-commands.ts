import { and, eq, inArray, isNull, or, sql } from 'drizzle-orm';
import { distance } from 'fastest-levenshtein';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput } from '../../errors.ts';
import { joined } from './bounded-text.ts';
import { slashCommands, type SlashCommandRow } from './prompt-tables.ts';
import { isReserved, maxWrittenOut, usesIn, writtenPieces } from './slash-grammar.ts';

/** The organization's commands and the user's own. */
const ofUser = ({ organizationId, scope }: UnitOfWork) =>
  and(
    eq(slashCommands.organizationId, organizationId),
    scope.userId === null
      ? isNull(slashCommands.userId)
      : or(isNull(slashCommands.userId), eq(slashCommands.userId, scope.userId)),
  );

/** A text whose commands are written out, and those commands. */
export interface WrittenOut {
  readonly text: string;
  /** Each once, in the order of their first use. */
  readonly commands: SlashCommandRow[];
}

/**
 * A text with its slash commands written out, as the model reads it; visitors have none. Throws BadUserInput at `text` when it begins with a
 * command that does not exist, an argument is missing, or it becomes longer than 32,000 characters.
 */
export const writtenOut = async (unit: UnitOfWork, text: string): Promise<string> =>
  (await writtenOutWith(unit, text)).text;

/** As `writtenOut`, with the commands. One statement where the text has what may be a command, none otherwise. */
export const writtenOutWith = async (unit: UnitOfWork, text: string): Promise<WrittenOut> => {
  // What an organization has written for its members is not for the visitors of its pages.
  const uses = unit.scope.userId === null || unit.scope.conversationId !== undefined ? [] : usesIn(text);
  const [first] = uses;
  if (first === undefined) return { text, commands: [] };
  if (first.start === 0 && isReserved(first.name)) throw reserved(first.name);
  const found = await commandsNamed(unit, [...new Set(uses.map(({ name }) => name))]);
  if (first.start === 0 && !found.has(first.name)) throw await unknown(unit, first.name);
  const prompts = new Map([...found.values()].map(({ command, prompt }) => [command, prompt]));
  const pieces = writtenPieces(text, prompts, 'text');
  return {
    text: joined(pieces, 'text', maxWrittenOut, 'With its commands written out this text'),
    commands: [...found.values()],
  };
};

/** The commands of these names that there are, in that order; the user's own before the organization's. */
const commandsNamed = async (unit: UnitOfWork, names: readonly string[]): Promise<Map<string, SlashCommandRow>> => {
  const rows = await unit.run(() =>
    database
      .select()
      .from(slashCommands)
      .where(and(ofUser(unit), inArray(slashCommands.command, [...names])))
      .orderBy(sql`${slashCommands.userId} nulls last`),
  );
  const inOrder = names.map((name) => rows.find(({ command }) => command === name)).filter((row) => row !== undefined);
  return new Map(inOrder.map((row) => [row.command, row]));
};

const maxNear = 3;
/** Letters to be changed, added or left out. */
const maxDistance = 3;

const unknown = async (unit: UnitOfWork, name: string): Promise<BadUserInput> => {
  const rows = await unit.run(() =>
    database.selectDistinct({ command: slashCommands.command }).from(slashCommands).where(ofUser(unit)),
  );
  const near = rows
    .map(({ command }) => ({ command, away: command.startsWith(name) ? 0 : distance(command, name) }))
    .filter(({ command, away }) => away <= Math.min(maxDistance, command.length / 2))
    .sort((one, other) => one.away - other.away || one.command.localeCompare(other.command))
    .slice(0, maxNear)
    .map(({ command }) => `/${command}`);
  const meant = near.length === 0 ? '' : ` Did you mean ${near.join(' or ')}?`;
  return new BadUserInput(
    'text',
    `There is no command /${name}.${meant} Elsewhere than at the beginning, it is plain text.`,
  );
};

const reserved = (name: string): BadUserInput =>
  new BadUserInput(
    'text',
    name === 'reset'
      ? 'The command /reset is no text to be asked: the mutation resetConversation does it.'
      : `The command /${name} is reserved and stands for no text.`,
  );
