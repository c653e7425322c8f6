import { format, resolveConfig } from 'prettier';
import { allowances, type Allowance } from '../src/domains/tenancy/organization-types.ts';

const bound = (number: number | null): string => (number === null ? 'no bound' : String(number));

/** What the page tells of a type, line by line. */
const lines: readonly (readonly [title: string, tell: (allowance: Allowance) => string])[] = [
  ['Members', ({ members }) => bound(members)],
  ['Groups', ({ groups }) => bound(groups)],
  ['Invites', ({ invites }) => (invites ? 'yes' : 'no')],
  ['API-key strategies', ({ apiKeyStrategies }) => apiKeyStrategies.join(', ')],
  ['Settings', ({ settings }) => settings.map((name) => `\`${name}\``).join(', ')],
];

/** The page that documents what each type of organization allows, from the table in the code. */
export const organizationTypesPage = async (): Promise<string> => {
  const types = Object.entries(allowances);
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const text = `# Types of organizations

Printed from \`src/domains/tenancy/organization-types.ts\` by \`node scripts/print-organization-types.ts > docs/organization-types.md\`.

${row(['', ...types.map(([type]) => type)])}
${row(['', ...types].map(() => '---'))}
${lines.map(([title, tell]) => row([title, ...types.map(([, allowance]) => tell(allowance))])).join('\n')}

Members count whatever their role, suspended ones too. Settings that are not named keep their defaults.

Owners change the type between SOLO and TEAM; ENTERPRISE is for the installation's administrators to give and take. A type that allows less
is taken only once nothing is there that it does not allow: members, groups, open invites, the strategy, settings.
`;
  return format(text, { ...(await resolveConfig('docs/organization-types.md')), parser: 'markdown' });
};
