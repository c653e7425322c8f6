/**
 * The one direction of imports, as an oxlint plugin: main, worker -> server -> serving -> upkeep -> bootstrap -> demo -> lifetime -> installation -> gateway -> domains ->
 * capabilities -> database -> telemetry -> errors, ids. Domains stand on floors; one imports from the floors below it alone, and
 * nobody imports a domain's resolvers: the gateway finds them by their place.
 */
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('../src', import.meta.url));

/** From the top down. Names on one line may import each other where `sharing` says so. */
const layers = [
  ['main', 'worker'],
  ['server'],
  ['serving'],
  ['upkeep'],
  ['bootstrap'],
  ['demo'],
  ['lifetime'],
  ['installation'],
  ['gateway'],
  ['domains'],
  ['ai', 'search', 'storage', 'mail', 'queue', 'events', 'secrets', 'outbound'],
  ['database'],
  ['telemetry'],
  ['errors'],
  ['ids', 'settings', 'body', 'refusal', 'generated'],
];
/** Capabilities may use each other; that they do so without a cycle is another rule's business. */
const sharing = new Set(['ai', 'search', 'storage', 'mail', 'queue', 'events', 'secrets', 'outbound']);
/** Written by a generator from the SDL; it names the rows of all domains, and types alone come out of it. */
const everywhere = new Set(['generated']);

/** From the bottom up. */
const floors = [
  ['identity'],
  ['tenancy'],
  ['modelhub'],
  ['content', 'knowledge'],
  ['platform'],
  ['conversations'],
  ['messaging', 'orders'],
  ['projects'],
  ['analytics'],
];

const indexIn = (rows, name) => rows.findIndex((row) => row.includes(name));

/** `src/domains/content/parsing/parse.ts` is in the layer `domains` and the domain `content`. */
const placeOf = (path) => {
  const [layer = '', second = '', ...rest] = relative(source, path).split('/');
  const name = layer.replace(/\.ts$/, '');
  return { name, domain: name === 'domains' && rest.length > 0 ? second : undefined, room: rest[0] ?? '' };
};

/** What is wrong with the import, or undefined. */
const fault = (from, to) => {
  const foreign = to.domain !== undefined && to.domain !== from.domain;
  if (foreign && /^resolvers(\.ts)?$/.test(to.room)) return `The resolvers of ${to.domain} are the gateway's to find.`;
  if (from.name === to.name) return from.name === 'domains' ? domainFault(from, to) : undefined;
  if (to.name === '..' || everywhere.has(from.name) || everywhere.has(to.name)) return undefined;
  const [above, below] = [indexIn(layers, from.name), indexIn(layers, to.name)];
  if (above === -1) return `src/${from.name} has no place in the layers; give it one in lint/imports.js.`;
  if (below === -1) return `src/${to.name} has no place in the layers; give it one in lint/imports.js.`;
  if (above < below || (sharing.has(from.name) && sharing.has(to.name))) return undefined;
  return `${from.name} stands below ${to.name} or beside it, so it must not import it.`;
};

const domainFault = (from, to) => {
  if (from.domain === to.domain || to.domain === undefined) return undefined;
  // What all domains share (context, services, nodes) names the rows of the lowest one.
  const above = from.domain === undefined ? 1 : indexIn(floors, from.domain);
  const below = indexIn(floors, to.domain);
  if (above === -1) return `The domain ${from.domain} has no floor; give it one in lint/imports.js.`;
  if (below === -1) return `The domain ${to.domain} has no floor; give it one in lint/imports.js.`;
  return below < above ? undefined : `The domain ${to.domain} is not below ${from.domain ?? 'what all domains share'}.`;
};

const direction = {
  create: (context) => {
    const from = placeOf(context.filename);
    if (from.name === '..') return {};
    const check = (node) => {
      const specifier = node.source?.value;
      if (typeof specifier !== 'string' || !specifier.startsWith('.')) return;
      const message = fault(from, placeOf(resolve(dirname(context.filename), specifier)));
      if (message !== undefined) context.report({ node, message });
    };
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
      TSImportType: check,
    };
  },
};

export default { meta: { name: 'layers' }, rules: { direction } };
