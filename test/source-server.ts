import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A thing in a source. */
export interface Thing {
  readonly text: string;
  readonly title?: string | null;
  /** As the server says it; its text when absent. */
  readonly version?: string;
  readonly type?: string;
  /** Whether the list tells the version, so that nothing need be fetched. */
  readonly listsVersion?: true;
}

/** A source outside, which `source-connector.ts` reads; what it holds and how it fails can be changed at any time. */
export class SourceServer {
  readonly url: string;
  readonly things = new Map<string, Thing>();
  /** Answers by their paths, such as `/list?from=0` or `/things/a`, that refuse. */
  readonly refusals = new Map<string, object>();
  /** Paths that were asked for. */
  readonly asked: string[] = [];
  /** The token that came with each of them. */
  readonly tokens: string[] = [];
  pageSize = 2;
  /** Held up before an answer. */
  before: (path: string) => Promise<void> = async () => undefined;
  readonly #close: () => Promise<void>;

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.#close = close;
  }

  static async start(): Promise<SourceServer> {
    let source: SourceServer | undefined;
    const http = createServer((request, response) => {
      const path = request.url ?? '/';
      const answered = async (): Promise<void> => {
        const answer = await source?.answer(path, request.headers.authorization ?? '');
        response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
      };
      void answered();
    });
    await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve));
    const { port } = http.address() as AddressInfo;
    const close = async (): Promise<void> => {
      http.closeAllConnections();
      await new Promise((resolve) => void http.close(resolve));
    };
    source = new SourceServer(`http://127.0.0.1:${port}`, close);
    return source;
  }

  stop(): Promise<void> {
    return this.#close();
  }

  /** Holds these texts and nothing else. */
  hold(texts: Readonly<Record<string, string>>): void {
    this.things.clear();
    for (const [id, text] of Object.entries(texts)) this.things.set(id, { text });
  }

  /** Paths of things that were asked for since this was last called. */
  fetched(): string[] {
    return this.asked.splice(0).filter((path) => path.startsWith('/things/'));
  }

  private async answer(path: string, token: string): Promise<object> {
    this.asked.push(path);
    this.tokens.push(token);
    await this.before(path);
    const refusal = this.refusals.get(path);
    if (refusal !== undefined) return refusal;
    const at = /^\/list\?from=(\d+)$/.exec(path)?.[1];
    if (at !== undefined) return this.page(Number(at));
    const id = decodeURIComponent(path.slice(path.lastIndexOf('/') + 1));
    const thing = this.things.get(id);
    if (thing === undefined) return { refused: 'GONE', message: 'Gone.' };
    const { text, title = `Thing ${id}`, version = text, type = 'text/markdown' } = thing;
    return { text, title, version, type };
  }

  private page(at: number): object {
    const all = [...this.things];
    const items = all.slice(at, at + this.pageSize).map(([id, { title = `Thing ${id}`, version, listsVersion }]) => ({
      id,
      title,
      uri: `${this.url}/things/${id}`,
      version: listsVersion === true ? { etag: version ?? '' } : null,
    }));
    return { items, next: at + this.pageSize < all.length ? { at: at + this.pageSize } : null };
  }
}
