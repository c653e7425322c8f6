import { BadUserInput } from '../../errors.ts';

/** Length of a written-out text, in UTF-16 code units. */
export const maxWrittenOut = 32_000;
/** Commands that are written out in one text. */
const maxUses = 100;
/** Names that are kept for what is done, and not written out. */
const reservedNames: ReadonlySet<string> = new Set(['reset', 'agent', 'help']);

const name = /^[a-z][a-z0-9_-]{0,63}$/;
/** Between white space, so not within a word, a path or an address. */
const use = /(?<!\S)\/([a-z][a-z0-9_-]{0,63})(?!\S)/gi;
/** Doubled braces are not placeholders. */
const placeholder = /(?<!\{)\{([1-9]|input)\}(?!\})/g;
/** One argument with the white space before it: a word, or what stands between double quotes. */
const argument = /\s*(?:"([^"]*)"(?!\S)|(\S+))/y;

/** A place of a text where a command may stand. */
export interface Use {
  /** In lower case, without the slash. */
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** Where commands may stand in a text, in order; whether they are any is another matter. */
export const usesIn = (text: string): Use[] =>
  [...text.matchAll(use)].map((match) => ({
    name: String(match[1]).toLowerCase(),
    start: match.index,
    end: match.index + match[0].length,
  }));

/** A command's name as it is kept: without the slash, in lower case. Null when it can be none. */
export const commandNameOf = (written: string): string | null => {
  const lower = written.trim().toLowerCase().replace(/^\//, '');
  return name.test(lower) ? lower : null;
};

/** Whether a name is kept for what is done, and not written out. */
export const isReserved = (command: string): boolean => reservedNames.has(command);

/** The arguments of a command's prompt: the highest number, how many numbers it names, and whether it takes what follows them. */
export const argumentsOf = (prompt: string) => {
  const named = new Set([...prompt.matchAll(placeholder)].map(([, each]) => String(each)));
  const numbers = [...named].filter((each) => each !== 'input').map(Number);
  return { count: Math.max(0, ...numbers), named: numbers.length, takesInput: named.has('input') };
};

/** Whether the arguments that a prompt names are numbered from 1 without a gap. */
export const isNumberedWhole = (prompt: string): boolean => {
  const { count, named } = argumentsOf(prompt);
  return count === named;
};

/**
 * The pieces of a text with its commands written out; `prompts` are those that exist, by name. What follows a command, up to the next one, is
 * what it is given. What is put in is not looked through again. Throws BadUserInput at `field` when an argument is missing, or there are more than 100.
 */
export function* writtenPieces(text: string, prompts: ReadonlyMap<string, string>, field: string): Generator<string> {
  const uses = usesIn(text).filter((each) => prompts.has(each.name));
  if (uses.length > maxUses) throw new BadUserInput(field, `A text has at most ${maxUses} commands.`);
  yield text.slice(0, uses[0]?.start ?? text.length);
  for (const [place, { name: command, end }] of uses.entries())
    yield* applied(command, prompts.get(command) ?? '', text.slice(end, uses[place + 1]?.start ?? text.length), field);
}

function* applied(command: string, prompt: string, following: string, field: string): Generator<string> {
  const { count, takesInput } = argumentsOf(prompt);
  const words: string[] = [];
  argument.lastIndex = 0;
  let taken = 0;
  while (words.length < count) {
    const [, quoted, word] = argument.exec(following) ?? [];
    const value = quoted ?? word;
    if (value === undefined) throw missing(command, count, words.length + 1, field);
    words.push(value);
    taken = argument.lastIndex;
  }
  const rest = following.slice(taken);
  const values = { input: rest.trim() };
  let from = 0;
  for (const match of prompt.matchAll(placeholder)) {
    yield prompt.slice(from, match.index);
    yield match[1] === 'input' ? values.input : String(words[Number(match[1]) - 1]);
    from = match.index + match[0].length;
  }
  yield prompt.slice(from);
  // What keeps the next command apart stays.
  yield takesInput ? rest.slice(rest.trimEnd().length) : rest;
}

const missing = (command: string, count: number, number: number, field: string): BadUserInput =>
  new BadUserInput(
    field,
    `The command /${command} takes ${count} ${count === 1 ? 'argument' : 'arguments'}; the argument ${number} is missing.`,
  );
