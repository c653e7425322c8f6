import type { Person, Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** The origin that test pages have. */
export const pageOrigin = 'https://shop.example.com';

/** Makes a widget in a workspace for pages of `pageOrigin`, and gives its ids. */
export const widgetIn = async (
  person: Person,
  workspaceId: string,
  input: object = {},
): Promise<{ id: string; publicId: string }> => {
  const data: Data = await person.want(
    'mutation ($input: CreateEmbedWidgetInput!) { createEmbedWidget(input: $input) { embedWidget { id publicId } } }',
    { input: { workspaceId, name: 'Shop', allowedOrigins: [pageOrigin], ...input } },
  );
  return data.createEmbedWidget.embedWidget;
};

/** What came back to a page. */
export interface PageAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Data;
}

/** An event as it stands in a stream. */
export interface StreamedEvent {
  readonly id: string | undefined;
  readonly kind: string;
  readonly data: Data;
}

/** Reads a stream of events to its end. */
export const eventsIn = (text: string): StreamedEvent[] =>
  text
    .split('\n\n')
    .map((block) => new Map(block.split('\n').map((line) => [line.split(':')[0], line.slice(line.indexOf(':') + 2)])))
    .filter((fields) => fields.has('event'))
    .map((fields) => ({
      id: fields.get('id'),
      kind: fields.get('event') ?? '',
      data: JSON.parse(fields.get('data') ?? '{}'),
    }));

/** A page that asks a widget as browsers do. */
export class Page {
  readonly #bed: Testbed;
  readonly publicId: string;
  readonly origin: string | null;
  token: string | null = null;

  constructor(bed: Testbed, publicId: string, origin: string | null = pageOrigin) {
    this.#bed = bed;
    this.publicId = publicId;
    this.origin = origin;
  }

  fetch(method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${this.#bed.url}/embed/${this.publicId}${path}`, {
      method,
      headers: {
        ...(this.origin !== null && { origin: this.origin }),
        ...(this.token !== null && { authorization: `Bearer ${this.token}` }),
        ...(body && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
    });
  }

  async ask(method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<PageAnswer> {
    const response = await this.fetch(method, path, body, headers);
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
  }

  /** Begins a conversation or goes on with one; from then on its token is sent. */
  async enter(body: object = {}): Promise<Data> {
    const { status, body: answer } = await this.ask('POST', '/session', body);
    if (status !== 200) throw new Error(`The session was refused: ${JSON.stringify(answer)}`);
    this.token = answer.token;
    return answer;
  }

  /** Sends a message and gives the events of its answer. */
  async say(text: string, overrides?: object): Promise<StreamedEvent[]> {
    const response = await this.fetch('POST', '/messages', { text, ...(overrides && { overrides }) });
    const received = await response.text();
    if (response.status !== 200) throw new Error(`The message was refused: ${received}`);
    return eventsIn(received);
  }

  /** The code, and what else is told, of a refusal. */
  async refused(method: string, path: string, body?: object): Promise<Data> {
    const { status, body: answer } = await this.ask(method, path, body);
    return { status, ...answer.errors?.[0]?.extensions };
  }
}
