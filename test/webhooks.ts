import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { Webhook } from 'standardwebhooks';
import { database } from '../src/database/client.ts';
import { catchUpWebhooks } from '../src/domains/platform/webhook-catching-up.ts';
import { unitOf, uuidOf } from './talk.ts';
import type { Person, Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** One request that a receiver got. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Writes an answer; 204 when it does nothing itself. */
type Answer = (request: Received, response: ServerResponse) => void;

/** A server that is told of changes, on this machine. */
export class Receiver {
  readonly received: Received[] = [];
  answer: Answer = (_request, response) => void response.writeHead(204).end();
  readonly #server = createServer((incoming, response) => {
    // Whoever is killed while sending ends in the middle.
    this.#take(incoming, response).catch(() => undefined);
  });

  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  url(path = '/'): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`;
  }

  at(path: string): Received[] {
    return this.received.filter((request) => request.path === path);
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #take(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = { path: incoming.url ?? '', headers: incoming.headers, body: await text(incoming) };
    this.received.push(request);
    this.answer(request, response);
  }
}

/** Answers this status, with this body. */
export const answering =
  (status: number, body = '', headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    void response.writeHead(status, headers).end(body);

/** What a signed message says. Throws when no signature is by the secret. */
export const verified = (secret: string, { headers, body }: Received): Data =>
  new Webhook(secret).verify(body, headers as Record<string, string>);

const create = `mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) {
  webhook { id url events description state workspace { id } createdBy { name } } secret } }`;

/** Makes a webhook and gives its id and secret. */
export const webhookOf = async (
  person: Person,
  input: object,
): Promise<{ readonly id: string; readonly secret: string }> => {
  const { createWebhook }: Data = await person.want(create, { input });
  return { id: createWebhook.webhook.id, secret: createWebhook.secret };
};

/** Has the log looked through and what is due sent, as the clock does. */
export const catchUp = (bed: Testbed): Promise<void> => {
  const { services } = bed.server.installation;
  return catchUpWebhooks({ unit: unitOf(bed, null), services }, new AbortController().signal);
};

const list = `query ($filter: WebhookDeliveryFilter, $workspaceId: ID) {
  webhookDeliveries(first: 100, filter: $filter, workspaceId: $workspaceId, orderBy: [{ field: CREATED_AT, direction: ASC }]) { edges { node {
    id action targetType targetId payload state attemptCount nextAttemptAt finishedAt redeliveredAt original { id }
    webhook { id } attempts { number status error responseExcerpt durationMs at } } } } }`;

export interface Delivery {
  readonly id: string;
  readonly action: string;
  readonly targetType: string;
  readonly targetId: string;
  readonly payload: Data;
  readonly state: string;
  readonly attemptCount: number;
  readonly nextAttemptAt: string | null;
  readonly finishedAt: string | null;
  readonly redeliveredAt: string | null;
  readonly original: { readonly id: string } | null;
  readonly attempts: readonly {
    readonly number: number;
    readonly status: number | null;
    readonly error: string | null;
    readonly responseExcerpt: string | null;
    readonly durationMs: number;
    readonly at: string;
  }[];
}

/** What a webhook was told or is to be, oldest first. */
export const deliveriesOf = async (person: Person, webhookId: string, more: object = {}): Promise<Delivery[]> => {
  const { webhookDeliveries }: Data = await person.want(list, { filter: { webhookId: { eq: webhookId }, ...more } });
  return webhookDeliveries.edges.map(({ node }: Data) => node);
};

/** Waits until something is so. */
export const until = async <Result>(
  look: () => Promise<Result> | Result,
  isSo: (result: Result) => boolean,
  seconds = 20,
): Promise<Result> => {
  for (const end = Date.now() + seconds * 1000; ;) {
    const result = await look();
    if (isSo(result)) return result;
    if (Date.now() > end) throw new Error(`It did not come to that: ${JSON.stringify(result)?.slice(0, 2000)}`);
    await pause(50);
  }
};

/** The deliveries of a webhook once each of this many has this state. */
export const settled = (person: Person, webhookId: string, count: number, state = 'DELIVERED'): Promise<Delivery[]> =>
  until(
    () => deliveriesOf(person, webhookId),
    (all) => all.length === count && all.every((each) => each.state === state),
  );

/** Changes what no operation does, as time would. */
export const tamperWith = async (
  bed: Testbed,
  organization: string,
  statement: ReturnType<typeof sql>,
): Promise<void> => {
  await unitOf(bed, organization).transact(() => database.execute(statement));
};

/** Lets what waits for its next try be due. */
export const makeDue = (bed: Testbed, organization: string, webhookId: string): Promise<void> =>
  tamperWith(
    bed,
    organization,
    sql`update webhook_deliveries set next_attempt_at = now() where organization_id = ${uuidOf(organization)}
      and subscription_id = ${uuidOf(webhookId)} and state = 'PENDING'`,
  );
