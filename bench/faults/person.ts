import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { parseGlobalId } from '../../src/ids.ts';
import type { Chronicle } from './chronicle.ts';

/** A request that was not acknowledged; whether it took effect is unknown. */
export class NotAcknowledged extends Error {}

/** How long a client waits for an answer before it calls the server hung. */
const patienceMs = 60_000;
/** What a server may say while something is away or being restarted. */
const expectedCodes = new Set(['UNAVAILABLE']);

interface Failure {
  readonly message: string;
  readonly extensions?: { readonly code?: string };
}

/** The UUID in a global id. */
export const uuidOf = (id: string): string => parseGlobalId(id)?.uuid ?? '';

/** Sends operations to whichever address it is given, and writes down how those failed that failed. */
export class Person {
  token: string | null = null;
  readonly #chronicle: Chronicle;

  constructor(chronicle: Chronicle) {
    this.#chronicle = chronicle;
  }

  /** The data of an operation. Throws NotAcknowledged, whatever went wrong. */
  async ask<Data>(url: string, query: string, variables: object = {}): Promise<Data> {
    const body = await this.#send(`${url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(this.token !== null && { authorization: `Bearer ${this.token}` }),
      },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors = [] } = body as { data?: Data; errors?: Failure[] };
    if (errors.length > 0 || data === undefined) throw this.#refusal(errors, query);
    return data;
  }

  /** Sends the bytes of a file to the address of its upload. Throws NotAcknowledged. */
  async put(url: string, bytes: string): Promise<void> {
    const { errors = [] } = (await this.#send(url, { method: 'PUT', body: bytes })) as { errors?: Failure[] };
    if (errors.length > 0) throw this.#refusal(errors, 'PUT');
  }

  /** Follows a subscription until `stop` is called or the connection breaks. */
  follow(url: string, query: string, variables: Record<string, unknown>, heard: (event: unknown) => void): () => void {
    const client = createClient({
      url: `${url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${this.token}` },
      retryAttempts: 0,
    });
    client.subscribe({ query, variables }, { next: heard, error: () => undefined, complete: () => undefined });
    // It rejects when the connection never came about.
    return () => void Promise.resolve(client.dispose()).catch(() => undefined);
  }

  async #send(url: string, request: RequestInit): Promise<unknown> {
    const started = performance.now();
    try {
      const response = await fetch(url, { ...request, signal: AbortSignal.timeout(patienceMs) });
      return await response.json();
    } catch (error) {
      const hung = performance.now() - started >= patienceMs;
      if (hung) this.#chronicle.surprises.push(`No answer in ${patienceMs / 1000} s.`);
      this.#chronicle.refused(hung ? 'no answer' : 'connection broken');
      throw new NotAcknowledged('The connection broke.', { cause: error });
    }
  }

  #refusal(errors: readonly Failure[], query: string): NotAcknowledged {
    const codes = errors.map(({ extensions }) => extensions?.code ?? 'none');
    this.#chronicle.refused(codes.join(' '));
    if (codes.length === 0 || codes.some((code) => !expectedCodes.has(code)))
      this.#chronicle.surprises.push(`${query.slice(0, 60)}: ${JSON.stringify(errors).slice(0, 300)}`);
    return new NotAcknowledged(codes.join(' '));
  }
}
