import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { createClient, type Client } from 'graphql-ws';
import { WebSocket } from 'ws';
import { createTesseraDatabase, type TesseraDatabase } from '../scripts/tessera-database.ts';
import { startServer, type RunningServer } from '../src/server.ts';
import { readSettings } from '../src/settings.ts';
import { openLog } from '../src/telemetry/log.ts';
import type { Tracing } from '../src/telemetry/tracing.ts';

/** What an operation gave, and the statements it cost, without those that set the viewer. */
export interface Answer {
  // Tests read whatever they asked for; the assertions are the types here.
  readonly data: never;
  readonly errors: readonly {
    readonly message: string;
    readonly path?: readonly (string | number)[];
    readonly extensions: Record<string, unknown>;
  }[];
  readonly extensions: Record<string, unknown>;
  readonly statements: readonly string[];
  readonly status: number;
}

/** Somebody who sends requests, signed in or not. */
export class Person {
  readonly #bed: Testbed;
  readonly token: string | null;

  constructor(bed: Testbed, token: string | null) {
    this.#bed = bed;
    this.token = token;
  }

  /** Sends an operation and gives all that came back. Statements are exact when nobody else asks at the same time. */
  async ask(query: string, variables: object = {}, headers: Record<string, string> = {}): Promise<Answer> {
    this.#bed.statements.length = 0;
    const response = await fetch(`${this.#bed.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...this.headers, ...headers },
      body: JSON.stringify({ query, variables }),
    });
    const body = (await response.json()) as Partial<Answer>;
    const statements = [...this.#bed.statements];
    return {
      data: body.data as never,
      errors: body.errors ?? [],
      extensions: body.extensions ?? {},
      statements,
      status: response.status,
    };
  }

  /** The data of an operation that must succeed. */
  async want(query: string, variables: object = {}): Promise<never> {
    const { data, errors } = await this.ask(query, variables);
    if (errors.length > 0) throw new Error(`Unexpected errors: ${JSON.stringify(errors)}`);
    return data;
  }

  /** The codes of the errors that an operation gave. */
  async codes(query: string, variables: object = {}): Promise<unknown[]> {
    return (await this.ask(query, variables)).errors.map((error) => error.extensions.code);
  }

  /** The results of a subscription, in order, until the returned `stop` is called. */
  subscribe(
    query: string,
    variables: Record<string, unknown> = {},
  ): { results: AsyncIterableIterator<{ data?: never; errors?: unknown }>; stop: () => Promise<void> } {
    const client: Client = createClient({
      url: `${this.#bed.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: this.headers,
      retryAttempts: 0,
    });
    const results = client.iterate({ query, variables }) as AsyncIterableIterator<{ data?: never; errors?: unknown }>;
    return { results, stop: async () => client.dispose() };
  }

  get headers(): Record<string, string> {
    return this.token === null ? {} : { authorization: `Bearer ${this.token}` };
  }
}

/** A server of a suite's own, on the embedded database or, with TEST_POSTGRES_URL, on a fresh database of that server. */
export class Testbed {
  readonly server: RunningServer;
  readonly statements: string[];
  readonly #directory: string;
  readonly #drop: () => Promise<void>;

  constructor(server: RunningServer, statements: string[], directory: string, drop: () => Promise<void>) {
    this.server = server;
    this.statements = statements;
    this.#directory = directory;
    this.#drop = drop;
  }

  get url(): string {
    return this.server.url;
  }

  get anonymous(): Person {
    return new Person(this, null);
  }

  /** Signs up a new person with an organization of their own. */
  async signUp(
    name = 'Ada',
  ): Promise<Person & { readonly email: string; readonly userId: string; readonly organizationId: string }> {
    const email = `${name.toLowerCase()}-${randomUUID()}@example.com`;
    const input = { email, password: 'correct horse battery', name, organizationName: `${name}'s` };
    const data: { signUp: { token: string; user: { id: string }; organization: { id: string } } } =
      await this.anonymous.want(
        'mutation ($input: SignUpInput!) { signUp(input: $input) { token user { id } organization { id } } }',
        { input },
      );
    const { token, user, organization } = data.signUp;
    return Object.assign(new Person(this, token), { email, userId: user.id, organizationId: organization.id });
  }

  async stop(): Promise<void> {
    await this.server.stop();
    await this.#drop();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** Where the knowledge bank can stand: beside everything else, and with a database server in a database of its own. */
export const knowledgePlaces = ['together', ...(process.env.TEST_POSTGRES_URL === undefined ? [] : ['apart'])] as const;

/**
 * Starts a server for a suite; `environment` overrides settings, `logged` gets the lines of the log, `knowledge` says where the bank stands.
 */
export const startTestbed = async (
  environment: Record<string, string> = {},
  logged?: (line: string) => void,
  knowledge: string = 'together',
  tracing?: Tracing,
): Promise<Testbed & { ownerUrl: string | undefined; database: TesseraDatabase | undefined }> => {
  const directory = await mkdtemp(join(tmpdir(), 'tessera-test-'));
  const superuserUrl = process.env.TEST_POSTGRES_URL;
  const fresh =
    superuserUrl === undefined
      ? undefined
      : await createTesseraDatabase(superuserUrl, `test_${randomUUID().replaceAll('-', '')}`, {
          knowledgeApart: knowledge === 'apart',
        });
  const settings = readSettings({
    NODE_ENV: 'test',
    PORT: '0',
    LOG_LEVEL: 'silent',
    TESSERA_DATA_DIR: directory,
    RATE_LIMIT: 'off',
    // Who was active when, and what was asked for, is written as the server stops, and not while a test compares rows.
    ACTIVITY_SECONDS: '86400',
    // What comes by the clock would write while a test compares rows; tests run it themselves.
    SCHEDULES: 'off',
    ACTIVITY_RECORDS_SECONDS: '86400',
    ...(fresh && { DATABASE_URL: fresh.url }),
    ...(fresh?.knowledge && { KNOWLEDGE_DATABASE_URL: fresh.knowledge.url }),
    ...(process.env.TEST_POOL_SIZE && { DATABASE_POOL_SIZE: process.env.TEST_POOL_SIZE }),
    ...environment,
  });
  const statements: string[] = [];
  const server = await startServer({
    settings,
    log: openLog(settings.logLevel, { write: (line) => logged?.(line) }),
    onStatement: (text) => void statements.push(text),
    ...(tracing && { tracing }),
  });
  return Object.assign(new Testbed(server, statements, directory, fresh?.drop ?? (async () => undefined)), {
    ownerUrl: fresh?.ownerUrl,
    database: fresh,
  });
};
