import { globSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { Jobs } from '../src/domains/services.ts';

const modules = (await Promise.all(
  globSync('../src/domains/*/jobs.ts', { cwd: import.meta.dirname })
    .sort()
    .map((file) => import(file)),
)) as { readonly jobs: Jobs }[];
const kinds: Jobs = Object.assign({}, ...modules.map(({ jobs }) => jobs));

const minute = 60;
const hour = 60 * minute;
const shown = (seconds: number): string => (seconds < hour ? `${seconds / minute} min` : `${seconds / hour} h`);

/** The rows of the table of kinds, cell by cell. */
const told = readFileSync(`${import.meta.dirname}/../docs/jobs.md`, 'utf8')
  .split('\n')
  .filter((line) => /^\| `\w+\.[\w-]+` \|/.test(line))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

test('the documentation tells of each kind of work how it is done', () => {
  const facts = Object.entries(kinds)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([kind, { concurrency, retries, expireSeconds, cancellable = true }]) => [
      `\`${kind}\``,
      String(concurrency),
      String(retries),
      shown(expireSeconds),
      cancellable ? 'yes' : 'no',
    ]);
  expect(told.map((cells) => cells.slice(0, 5))).toEqual(facts);
});

test('it tells how each is put back, or what is called instead', () => {
  const named = (text: string): string[] => [...text.matchAll(/`(\w+)`/g)].map(([, name]) => name ?? '');
  for (const [kind = '', , , , , putBack = ''] of told) {
    const revive = kinds[kind.replaceAll('`', '')]?.revive;
    if (typeof revive === 'object')
      expect([kind, putBack]).toEqual([
        kind,
        `no: ${named(revive.instead)
          .map((name) => `\`${name}\``)
          .join(', ')}`,
      ]);
    else expect([kind, putBack]).toEqual([kind, expect.stringMatching(/^(as it is|the document|the file)/)]);
  }
});
