import { z } from 'zod';
import { SourceFailure, type Connector, type SourceFailureKind } from '../src/domains/content/connectors/connector.ts';
import { handIn } from '../src/domains/content/connectors/registry.ts';

/** What a source server answers instead of what it was asked for. */
interface Refusal {
  readonly refused: SourceFailureKind | 'GONE';
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

const configuration = z.strictObject({
  url: z.url(),
  token: z.string().min(4).optional(),
  filter: z.strictObject({ depth: z.int().max(9) }).optional(),
});
type Configuration = z.infer<typeof configuration>;

const ask = async <Answer>(path: string, { url, token = '' }: Configuration, signal: AbortSignal): Promise<Answer> => {
  const response = await fetch(`${url}${path}`, { signal, headers: { authorization: token } });
  const answer = (await response.json()) as Answer & Partial<Refusal>;
  if (answer.refused !== undefined && answer.refused !== 'GONE')
    throw new SourceFailure(answer.refused, answer.message ?? '', answer.retryAfterSeconds ?? null);
  return answer;
};

/** Reads what a `SourceServer` holds. */
const connectorOf = (kind: 'JSON_API' | 'WEB_PAGE'): Connector<Configuration> => ({
  kind,
  configuration,
  secrets: ['token'],
  list: ({ configuration: given, signal }, from) => ask(`/list?from=${Number(from?.at ?? 0)}`, given, signal),
  fetch: async ({ configuration: given, signal }, item, known) => {
    const path = kind === 'WEB_PAGE' ? '' : `/things/${encodeURIComponent(item.id)}`;
    const answer = await ask<Partial<Refusal> & { text: string; title: string | null; version: string; type: string }>(
      path,
      given,
      signal,
    );
    if (answer.refused === 'GONE') return 'GONE';
    const version = { etag: answer.version };
    if (known?.etag === version.etag) return 'UNCHANGED';
    return { bytes: Buffer.from(answer.text), mimeType: answer.type, title: answer.title, version };
  },
});

handIn(connectorOf('JSON_API'));
handIn(connectorOf('WEB_PAGE'));
