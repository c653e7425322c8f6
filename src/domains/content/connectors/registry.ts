import { readdir } from 'node:fs/promises';
import type { Connector, DatasourceKind } from './connector.ts';

/** A connector whose configuration is known to itself alone. */
export type AnyConnector = Connector<Readonly<Record<string, unknown>>>;

const FOLDER = new URL('./', import.meta.url);

let loaded: Promise<ReadonlyMap<DatasourceKind, AnyConnector>> | undefined;
const handedIn = new Map<DatasourceKind, AnyConnector>();

/** How sources of a kind are read; undefined when nothing here reads them. Connectors are found by glob. */
export const connectorOf = async (kind: DatasourceKind): Promise<AnyConnector | undefined> =>
  handedIn.get(kind) ?? (await (loaded ??= load())).get(kind);

/** Has sources of a connector's kind read by it from now on, in place of any other. */
export const handIn = <Configuration>(connector: Connector<Configuration>): void => {
  // The cast is safe: a connector is only given what its own type of configuration has let through.
  handedIn.set(connector.kind, connector as unknown as AnyConnector);
};

const load = async (): Promise<ReadonlyMap<DatasourceKind, AnyConnector>> => {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith('-connector.ts')).toSorted();
  const modules = await Promise.all(files.map((file) => import(new URL(file, FOLDER).href) as Promise<unknown>));
  // Each file's type annotation on its export is what makes this sound.
  const connectors = modules.map((module) => (module as { connector: AnyConnector }).connector);
  return new Map(connectors.map((connector) => [connector.kind, connector]));
};
