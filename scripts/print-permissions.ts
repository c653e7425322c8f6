/** Writes the table of permissions into docs/permissions.md, between its two marks. */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Kind, parse } from 'graphql';
import { format, resolveConfig } from 'prettier';
import { allPermissions, permissionRules, type PermissionRule } from '../src/domains/permissions.ts';
import { readTypeDefinitions } from '../src/gateway/schema.ts';

const pagePath = fileURLToPath(new URL('../docs/permissions.md', import.meta.url));
const [begin, end] = ['<!-- permissions -->', '<!-- /permissions -->'];

/** What each permission means, as the API describes it. */
const meanings = (): ReadonlyMap<string, string> => {
  const { definitions } = parse(readTypeDefinitions().join('\n'));
  const values = definitions.flatMap((definition) =>
    definition.kind === Kind.ENUM_TYPE_DEFINITION && definition.name.value === 'Permission'
      ? (definition.values ?? [])
      : [],
  );
  return new Map(values.map(({ name, description }) => [name.value, description?.value ?? '']));
};

const notesOf = ({ personal, forConfined, leadsToTwoFactor, outlivesDeletion }: PermissionRule): string =>
  [
    personal === true ? 'personal' : '',
    forConfined === true ? 'for keys of some workspaces' : '',
    leadsToTwoFactor === true ? 'leads to a second factor' : '',
    outlivesDeletion === true ? 'outlives deletion' : '',
  ]
    .filter(Boolean)
    .join(', ');

const table = (): string => {
  const meaningOf = meanings();
  const rows = allPermissions.map((permission) => {
    const rule = permissionRules[permission];
    const { role = '', workspaceRole = '', platformRole = '' } = rule;
    return [`\`${permission}\``, meaningOf.get(permission), role, workspaceRole, platformRole, notesOf(rule)];
  });
  const head = ['Permission', 'What it allows', 'Organization', 'Workspace', 'Installation', 'Notes'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
};

/** The page with the table as the code has it now. Throws when its marks are missing. */
export const printPermissions = async (page: string): Promise<string> => {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`docs/permissions.md needs the marks ${begin} and ${end}.`);
  const printed = `${page.slice(0, from)}${begin}\n\n${table()}\n\n${page.slice(to)}`;
  return format(printed, { ...(await resolveConfig(pagePath)), parser: 'markdown' });
};

if (import.meta.main) await writeFile(pagePath, await printPermissions(await readFile(pagePath, 'utf8')));
