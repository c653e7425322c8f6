import { and, eq, inArray } from 'drizzle-orm';
import jsonPatch from 'fast-json-patch';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { NotFound } from '../../errors.ts';
import { found } from '../nodes.ts';
import { officeDocumentById, officeVersionFields } from './office-loaders.ts';
import { officeDocumentVersions, type OfficeDocumentVersionRow } from './office-tables.ts';
import type { OfficeDocumentComparisonRow, OfficeDocumentDifferenceRow } from './office-rows.ts';

/** Differences that are told at most. */
const maxDifferences = 500;
/** Length of a value as JSON, and of a path, that is told at most, in UTF-16 code units. */
const maxLength = 2_000;
/** What all of them may come to together. */
const maxTotalLength = 500_000;

const isVersion = (organizationId: string, documentId: string, versions: readonly number[]) =>
  and(
    eq(officeDocumentVersions.organizationId, organizationId),
    eq(officeDocumentVersions.documentId, documentId),
    inArray(officeDocumentVersions.version, [...versions]),
  );

/** A version of an office document by its number. Throws NotFound (document or version). */
export const officeDocumentVersion = async (
  unit: UnitOfWork,
  documentId: string,
  version: number,
): Promise<OfficeDocumentVersionRow> => {
  await found('OfficeDocument', documentId, officeDocumentById(unit));
  const wanted = isVersion(unit.organizationId, documentId, [version]);
  const [row] = await unit.run(() => database.select(officeVersionFields).from(officeDocumentVersions).where(wanted));
  if (row === undefined) throw new NotFound('OfficeDocumentVersion', String(version));
  return row;
};

/** What changed in the content of an office document between two of its versions. Throws NotFound (document or version). */
export const compareOfficeDocumentVersions = async (
  unit: UnitOfWork,
  documentId: string,
  from: number,
  to: number,
): Promise<OfficeDocumentComparisonRow> => {
  await found('OfficeDocument', documentId, officeDocumentById(unit));
  const wanted = isVersion(unit.organizationId, documentId, [from, to]);
  const { version, content } = officeDocumentVersions;
  const rows = await unit.run(() => database.select({ version, content }).from(officeDocumentVersions).where(wanted));
  const contentOf = (number: number): unknown => {
    const row = rows.find((each) => each.version === number);
    if (row === undefined) throw new NotFound('OfficeDocumentVersion', String(number));
    return row.content;
  };
  return { from, to, ...differences(contentOf(from), contentOf(to)) };
};

/**
 * The steps of a JSON Patch (RFC 6902) that leads from one content to another, with the values before and after. Arrays are compared place by
 * place, which takes time in proportion to their length alone.
 */
const differences = (from: unknown, to: unknown): Pick<OfficeDocumentComparisonRow, 'differences' | 'truncated'> => {
  // Below a name of ours, for the package takes an object and an array at the top for alike.
  const steps = jsonPatch.compare({ content: from }, { content: to }, true);
  const told: OfficeDocumentDifferenceRow[] = [];
  let before: unknown;
  let length = 0;
  for (const step of steps) {
    if (step.op === 'test') {
      before = step.value;
      continue;
    }
    const difference = differenceOf(step, before);
    before = undefined;
    if (difference === null) continue;
    length += difference.length;
    if (told.length === maxDifferences || length > maxTotalLength) return { differences: told, truncated: true };
    told.push(difference.row);
  }
  return { differences: told, truncated: steps.some(({ path }) => isTooLong(path)) };
};

const operations = { add: 'ADD', remove: 'REMOVE', replace: 'REPLACE' } as const;
const isTooLong = (path: string): boolean => path.length > maxLength;
const fits = (length = 0): boolean => length <= maxLength;

/** A step as it is told; null for one that is told by `truncated` alone. */
const differenceOf = (
  step: ReturnType<typeof jsonPatch.compare>[number],
  before: unknown,
): { row: OfficeDocumentDifferenceRow; length: number } | null => {
  if (!(step.op === 'add' || step.op === 'remove' || step.op === 'replace') || isTooLong(step.path)) return null;
  const values = { oldValue: before, newValue: 'value' in step ? (step.value as unknown) : undefined };
  const lengths = Object.values(values).map((value) => (value === undefined ? 0 : JSON.stringify(value).length));
  const row = {
    operation: operations[step.op],
    path: step.path.slice('/content'.length),
    oldValue: fits(lengths[0]) ? values.oldValue : undefined,
    newValue: fits(lengths[1]) ? values.newValue : undefined,
    valuesLeftOut: !lengths.every((length) => fits(length)),
  };
  return {
    row,
    length: row.path.length + lengths.filter((length) => fits(length)).reduce((sum, each) => sum + each, 0),
  };
};
