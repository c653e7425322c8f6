import { globSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(`${root}/${path}`, 'utf8');

const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };

/** Imports that are there when the program runs, with the types left out. */
const imported = /^(?:import|export) (?!type )(?:[^'"]*? from )?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;

/** `@scope/name/inner` is of the package `@scope/name`. */
const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

const packagesIn = (path: string): string[] =>
  [...read(path).matchAll(imported)]
    .map(([, named, loaded]) => named ?? loaded ?? '')
    .filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
    .map(packageOf)
    .filter((name) => !builtinModules.includes(name));

test('what the image runs needs production dependencies alone', () => {
  const scripts = ['scripts/migrate.ts', 'scripts/create-admin.ts', 'scripts/server-login.ts'];
  const missing = [...globSync('src/**/*.ts', { cwd: root, exclude: ['src/generated/**'] }), ...scripts].flatMap(
    (path) =>
      packagesIn(path)
        .filter((name) => !(name in dependencies))
        .map((name) => `${path}: ${name}`),
  );
  expect(missing).toEqual([]);
  expect(packagesIn('src/gateway/gateway.ts')).toContain('@apollo/server');
});

test('the image has what it copies, and leaves out all that is not named', () => {
  const lines = read('.dockerignore').split('\n');
  const allowed = new Set(lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1)));
  const copied = [...read('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths = '']) =>
    paths.split(' '),
  );
  expect(copied.length).toBeGreaterThan(6);
  expect(copied.filter((path) => !allowed.has(path))).toEqual([]);
  expect(read('.dockerignore').startsWith('*\n')).toBe(true);
  expect(copied.filter((path) => globSync(path, { cwd: root }).length === 0)).toEqual([]);
  // Read as they are by the program.
  for (const needed of ['schema', 'drizzle', 'docs/guide', 'src']) expect(copied).toContain(needed);
});

test('the image and the composition run the programs as npm does, and not as root', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const argumentsIn = (line: string) =>
    line
      .replaceAll(/["',[\]]/g, ' ')
      .split(/\s+/)
      .filter(Boolean)
      .join(' ');
  const command = /^CMD (\[.+\])$/m.exec(read('Dockerfile'))?.[1] ?? '';
  expect(`exec ${argumentsIn(command)}`).toBe(scripts.start);
  const worker = /^ {4}command: (\[node.+worker\.ts\])$/m.exec(read('compose.yaml'))?.[1] ?? '';
  expect(`exec ${argumentsIn(worker)}`).toBe(scripts.worker);
  expect(read('Dockerfile').indexOf('\nUSER node')).toBeLessThan(read('Dockerfile').indexOf('\nCMD'));
  expect(read('Dockerfile')).toContain('\nUSER node\n');
});
