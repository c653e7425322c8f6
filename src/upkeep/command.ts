import { parseArgs } from 'node:util';
import { DirectoryInUse } from '../database/embedded.ts';
import { FaultySettings } from '../settings.ts';

/** An argument of a command. */
export interface Option {
  readonly type: 'string' | 'boolean';
  /** What it is for, as help tells it. */
  readonly what: string;
  /** What stands for the value in help. */
  readonly value?: string;
  readonly required?: boolean;
}

/** What was given on the command line. */
export type Given = Readonly<Record<string, string | boolean | undefined>>;

/** A command as operators run it: `npm run NAME -- --option`. */
export interface Command {
  readonly name: string;
  /** What it does, in full sentences. */
  readonly what: string;
  readonly options?: Readonly<Record<string, Option>>;
  /** False: what it looked at is not as it should be, which has been said. */
  run(given: Given, terminal: Terminal): Promise<boolean>;
}

/** Where a command talks to: results on stdout, progress on stderr. */
export interface Terminal {
  readonly say: (line: string) => void;
  /** Tells how far the work is; at most one line a second of those told by `often`. */
  readonly progress: (line: string, often?: 'often') => void;
}

/** The command was called in a way that it does not have, or lacks a setting. */
export class WrongUsage extends Error {}

/** The command does not do it; the message says why, and what would help. */
export class Refused extends Error {}

export const exitCodes = { done: 0, failed: 1, wrongUsage: 2 } as const;

/** Runs the command with the process's arguments and ends the process. */
export const runCommand = async (command: Command): Promise<never> => process.exit(await outcomeOf(command));

const outcomeOf = async (command: Command): Promise<number> => {
  try {
    const given = argumentsOf(command);
    if (given.help === true) {
      terminal.say(helpOf(command));
      return exitCodes.done;
    }
    return (await command.run(given, terminal)) ? exitCodes.done : exitCodes.failed;
  } catch (error) {
    process.stderr.write(`${sentenceOf(error)}\n`);
    return error instanceof WrongUsage || error instanceof FaultySettings ? exitCodes.wrongUsage : exitCodes.failed;
  }
};

const argumentsOf = ({ name, options = {} }: Command): Given => {
  const shape = Object.entries(options).map(([option, { type }]) => [option, { type }] as const);
  const given = parsed(name, { ...Object.fromEntries(shape), help: { type: 'boolean' } });
  const missing = Object.keys(options).filter((option) => options[option]?.required && !given[option]);
  if (given.help !== true && missing.length > 0)
    throw new WrongUsage(`--${missing.join(', --')} is missing. See: npm run ${name} -- --help`);
  return given;
};

const parsed = (name: string, options: Record<string, { type: Option['type'] }>): Given => {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    const [sentence] = sentenceOf(error).split('. ');
    throw new WrongUsage(`${sentence}. See: npm run ${name} -- --help`, { cause: error });
  }
};

/** All that there is to know about a command before it is run. */
export const helpOf = ({ name, what, options = {} }: Command): string => {
  const all: [string, Option][] = [
    ...Object.entries(options),
    ['help', { type: 'boolean', what: 'Tells this and does nothing.' }],
  ];
  const calls = all.map(([option, { value }]) => `--${option}${value === undefined ? '' : ` ${value}`}`);
  const width = Math.max(...calls.map((call) => call.length));
  const needed = calls.filter((_call, at) => all[at]?.[1].required);
  return [
    `npm run ${name}${needed.length > 0 ? ` -- ${needed.join(' ')}` : ''}`,
    '',
    what,
    '',
    ...all.map(([, option], at) => `  ${(calls[at] ?? '').padEnd(width)}  ${option.what}`),
    '',
    'Exit codes: 0 done, 1 failed, 2 wrong usage or settings.',
  ].join('\n');
};

const sentenceOf = (error: unknown): string => {
  if (!Error.isError(error)) return 'It failed for an unknown reason.';
  const known = [WrongUsage, Refused, FaultySettings, DirectoryInUse].some((kind) => error instanceof kind);
  // Drizzle's own message holds the statement with its parameters; the driver's below it does not.
  const told = !known && Error.isError(error.cause) ? error.cause : error;
  return told.message === '' ? String('code' in told ? told.code : told.name) : told.message;
};

const oftenMs = 1000;
let toldAt = 0;

const terminal: Terminal = {
  say: (line) => void process.stdout.write(`${line}\n`),
  progress: (line, often) => {
    const now = Date.now();
    if (often === 'often' && now - toldAt < oftenMs) return;
    toldAt = now;
    process.stderr.write(`${line}\n`);
  },
};
