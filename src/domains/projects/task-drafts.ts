import { priorities } from './project-tables.ts';
import type { SheetFault, SheetRow } from './task-sheet-reading.ts';
import { fieldLabel, labelsIn, type SheetField } from './task-sheet.ts';
import { taskStatuses, type TaskRow } from './task-tables.ts';
import { taskIssues } from './tasks.ts';

/** What a row is a part of: another row, or a task of the project by its number. */
export type DraftParent = { readonly row: number } | { readonly number: number };

/** A row of a sheet that is sound by itself; who it names is not looked up yet. */
export interface Draft extends Pick<
  TaskRow,
  'title' | 'description' | 'status' | 'priority' | 'estimatedHours' | 'startDate' | 'dueDate'
> {
  readonly row: number;
  readonly line: number;
  /** An e-mail address in lower case. */
  readonly assignee: string | null;
  readonly labels: readonly string[];
  readonly parent: DraftParent | null;
}

/** The sound rows of a sheet, each behind what it is a part of and otherwise as they stand there, and the faults of the others. */
export interface Drafts {
  readonly drafts: readonly Draft[];
  readonly faults: readonly SheetFault[];
}

const maxLabels = 20;

/** Reads what the rows say, by the sheet alone: the same sheet gives the same. `key` is the project's. */
export const draftsOf = (rows: readonly SheetRow[], key: string): Drafts => {
  const byIdentifier = new Map<string, number>();
  const faults: SheetFault[] = [];
  for (const row of rows) {
    const identifier = textIn(row, 'IDENTIFIER').toUpperCase();
    if (identifier === '') continue;
    if (byIdentifier.has(identifier)) faults.push(faultIn(row, 'IDENTIFIER', 'Another row has this identifier.'));
    else byIdentifier.set(identifier, row.row);
  }
  const drafts = new Map<number, Draft>();
  for (const row of rows) {
    const parent = parentOf(row, { key, byIdentifier, rows: rows.length });
    const { draft, faults: own } = draftOf(row, parent === undefined ? null : parent);
    if (parent === undefined)
      own.push(faultIn(row, 'PARENT', 'There is no such row, and no such task in the project.'));
    if (own.length === 0) drafts.set(row.row, draft);
    faults.push(...own);
  }
  const twice = new Set(faults.map(({ row }) => row));
  return inOrder(rows, new Map([...drafts].filter(([row]) => !twice.has(row))), faults);
};

const textIn = ({ cells }: SheetRow, field: SheetField): string => cells[field]?.trim() ?? '';

/** A fault of a cell. */
export const faultIn = (
  { line, row }: Pick<SheetRow, 'line' | 'row'>,
  field: SheetField,
  message: string,
): SheetFault => ({
  line,
  row,
  field: fieldLabel(field),
  message,
});

/** Undefined for what names nothing. */
const parentOf = (
  row: SheetRow,
  { key, byIdentifier, rows }: { key: string; byIdentifier: ReadonlyMap<string, number>; rows: number },
): DraftParent | null | undefined => {
  const text = textIn(row, 'PARENT').toUpperCase();
  if (text === '') return null;
  const named = byIdentifier.get(text);
  if (named !== undefined) return { row: named };
  const [, place, prefix, number] = /^(?:#?(\d{1,6})|([A-Z][A-Z0-9]{1,9})-(\d{1,9}))$/.exec(text) ?? [];
  if (place !== undefined) return Number(place) >= 1 && Number(place) <= rows ? { row: Number(place) } : undefined;
  return prefix === key ? { number: Number(number) } : undefined;
};

const draftOf = (row: SheetRow, parent: DraftParent | null): { draft: Draft; faults: SheetFault[] } => {
  const orNull = (field: SheetField) => textIn(row, field) || null;
  const status = wordIn(taskStatuses, textIn(row, 'STATUS'), 'TODO');
  const priority = wordIn(priorities, textIn(row, 'PRIORITY'), 'MEDIUM');
  const labels = labelsIn(row.cells.LABELS ?? '');
  const draft: Draft = {
    row: row.row,
    line: row.line,
    title: textIn(row, 'TITLE'),
    description: row.cells.DESCRIPTION ?? '',
    status: status ?? 'TODO',
    priority: priority ?? 'MEDIUM',
    assignee: orNull('ASSIGNEE')?.toLowerCase() ?? null,
    estimatedHours: orNull('ESTIMATED_HOURS'),
    startDate: orNull('START_DATE'),
    dueDate: orNull('DUE_DATE'),
    labels: labels ?? [],
    parent,
  };
  const faults = [
    ...taskIssues(draft).map(({ field, message }) => ({ line: row.line, row: row.row, field, message })),
    ...(status === undefined ? [faultIn(row, 'STATUS', `This is one of ${taskStatuses.join(', ')}.`)] : []),
    ...(priority === undefined ? [faultIn(row, 'PRIORITY', `This is one of ${priorities.join(', ')}.`)] : []),
    ...(isDay(draft.startDate) ? [] : [faultIn(row, 'START_DATE', 'A date is like 2026-01-31.')]),
    ...(isDay(draft.dueDate) ? [] : [faultIn(row, 'DUE_DATE', 'A date is like 2026-01-31.')]),
    ...(draft.assignee?.includes('\0') ? [faultIn(row, 'ASSIGNEE', 'This is no e-mail address.')] : []),
    ...labelFaults(row, labels),
    ...(row.tooLong
      ? [{ line: row.line, row: row.row, field: 'row', message: 'This row has more cells than the header.' }]
      : []),
  ];
  return { draft, faults };
};

const labelFaults = (row: SheetRow, labels: readonly string[] | null): SheetFault[] => {
  if (labels === null)
    return [faultIn(row, 'LABELS', 'Names stand between semicolons, those with quotes or semicolons in quotes.')];
  if (labels.length > maxLabels) return [faultIn(row, 'LABELS', `A task has at most ${maxLabels} labels.`)];
  return labels.some((name) => name.includes('\0')) ? [faultIn(row, 'LABELS', 'A name holds no NUL.')] : [];
};

/** `In progress` is IN_PROGRESS; undefined for another word. */
const wordIn = <Word extends string>(words: readonly Word[], text: string, otherwise: Word): Word | undefined => {
  const name = text.toUpperCase().replace(/[\s-]+/g, '_');
  return name === '' ? otherwise : words.find((word) => word === name);
};

const isDay = (text: string | null): boolean => {
  if (text === null) return true;
  const time = /^[0-9]{4}-\d\d-\d\d$/.test(text) && !text.startsWith('0000') ? Date.parse(`${text}T00:00:00Z`) : NaN;
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
};

/** Puts each row behind the one that it is a part of; what is a part of itself, or of a faulty row, is faulty. */
const inOrder = (
  rows: readonly SheetRow[],
  sound: ReadonlyMap<number, Draft>,
  found: readonly SheetFault[],
): Drafts => {
  const faults = [...found];
  const told = new Set(found.map(({ row }) => row));
  const placed = new Map<number, Draft | null>();
  for (const row of rows) {
    const chain = new Set<number>();
    let at: number | undefined = row.row;
    while (at !== undefined && !placed.has(at) && !chain.has(at)) {
      chain.add(at);
      const parent: DraftParent | null | undefined = sound.get(at)?.parent;
      at = parent && 'row' in parent ? parent.row : undefined;
    }
    const cyclic = at !== undefined && chain.has(at);
    for (const each of [...chain].toReversed()) {
      const draft = sound.get(each);
      const parent = draft?.parent;
      const above = parent && 'row' in parent ? placed.get(parent.row) : undefined;
      const fine = draft !== undefined && !cyclic && above !== null;
      placed.set(each, fine ? draft : null);
      const place = rows[each - 1];
      if (fine || told.has(each) || place === undefined) continue;
      faults.push(faultIn(place, 'PARENT', cyclic ? 'This row is a part of itself.' : partOfFaulty));
    }
  }
  const drafts = [...placed.values()].filter((draft) => draft !== null);
  return { drafts, faults };
};

/** What a row is told whose parent is faulty. */
export const partOfFaulty = 'The row that it is a part of is faulty.';
