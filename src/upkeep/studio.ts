import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbedded } from '../database/embedded.ts';
import type { Tls } from '../database/owner.ts';
import type { Settings } from '../settings.ts';
import { WrongUsage } from './command.ts';
import { requireEmbedded } from './places.ts';

export interface Studio {
  readonly config: 'drizzle.config.ts' | 'drizzle.knowledge.config.ts';
  readonly port: string;
}

/** Runs Drizzle's browser on a database of the settings until it ends or a signal ends it. True when it ended well. */
export const runStudio = async (settings: Settings, studio: Studio): Promise<boolean> => {
  const { url, tls } = settings.database;
  if (url !== undefined) return browse(ownerOf(settings, studio), tls, studio);
  requireEmbedded(settings.dataDirectory);
  const embedded = await startEmbedded(settings.dataDirectory, 'postgres', { migrates: false });
  // Its driver wants the socket under the name that Postgres gives it.
  const folder = await mkdtemp(join(tmpdir(), 'tessera-studio-'));
  try {
    await symlink(embedded.socketPath, join(folder, '.s.PGSQL.5432'));
    return await browse(`postgres://postgres@localhost/postgres?host=${encodeURIComponent(folder)}`, 'off', studio);
  } finally {
    await embedded.stop();
    await rm(folder, { recursive: true, force: true });
  }
};

const ownerOf = ({ database }: Settings, { config }: Studio): string => {
  const { ownerUrl, knowledgeUrl, knowledgeOwnerUrl } = database;
  if (ownerUrl === undefined) throw new WrongUsage('Set DATABASE_OWNER_URL to the owner of the database.');
  if (config === 'drizzle.config.ts' || knowledgeUrl === undefined) return ownerUrl;
  if (knowledgeOwnerUrl === undefined)
    throw new WrongUsage('Set KNOWLEDGE_DATABASE_OWNER_URL to the owner of the database of the knowledge bank.');
  return knowledgeOwnerUrl;
};

const sslModes: Readonly<Record<Tls, string | undefined>> = {
  off: undefined,
  require: 'no-verify',
  verify: 'verify-full',
};

const browse = async (ownerUrl: string, tls: Tls, { config, port }: Studio): Promise<boolean> => {
  const url = new URL(ownerUrl);
  const mode = sslModes[tls];
  if (mode !== undefined) url.searchParams.set('sslmode', mode);
  const env = { ...process.env, DATABASE_OWNER_URL: url.href, KNOWLEDGE_DATABASE_OWNER_URL: url.href };
  const command = ['node_modules/drizzle-kit/bin.cjs', 'studio', '--config', config, '--port', port];
  const child = spawn(process.execPath, command, { stdio: 'inherit', env });
  // The terminal's signal reaches the child too; this process stays to close what it opened.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void child.kill(signal));
  await once(child, 'exit');
  return child.exitCode === 0 || child.signalCode !== null;
};
