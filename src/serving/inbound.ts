import type { IncomingMessage } from 'node:http';
import { BadUserInput, DomainError } from '../errors.ts';
import { maxInboundBytes, NobodyReached, takeInEmail } from '../domains/messaging/email-intake.ts';
import { unitOfSource } from '../domains/messaging/inbound-sources.ts';
import { failure, json, refuse } from '../refusal.ts';
import { nothingHere, only, tell, type FolderRequest } from './folder.ts';

/** How long a body may pause, and how long it may take in all. */
const idleMs = 20_000;
const bodyMs = 120_000;

/** An e-mail is longer than is taken. */
class TooLong extends Error {}

const bearer = /^Bearer +(\S{1,200}) *$/i;

/** `POST /inbound/email`: a mail server hands over an e-mail (RFC 5322) for members of the organization whose key it shows. */
export const inbound = only(['POST'], 'An e-mail is handed over by POST.', async (folderRequest: FolderRequest) => {
  const { services, rest, request, response, origin } = folderRequest;
  if (rest !== 'email') return nothingHere(folderRequest);
  try {
    const unit = await unitOfSource(services, origin, bearer.exec(request.headers.authorization ?? '')?.[1] ?? '');
    const bytes = await bodyOf(request);
    json(response, 200, { ...(await takeInEmail(services, unit, bytes, envelopeOf(request))) });
  } catch (error) {
    if (error instanceof TooLong)
      return refuse(request, response, 413, failure('BAD_USER_INPUT', error.message, { field: 'body' }));
    // The mail server gives it back to its sender instead of trying again.
    if (error instanceof NobodyReached) return refuse(request, response, 422, { errors: [error.toJSON()] });
    // Whoever dropped the connection reads no answer.
    if (!(error instanceof DomainError) && request.errored !== null && error === request.errored) return;
    await tell(folderRequest, error);
  }
});

/** For whom it is: by the header `X-Envelope-To`, or by `envelope-to` in the address; null where neither is given. */
const envelopeOf = ({ headers, url = '' }: IncomingMessage): string | null => {
  const given =
    headers['x-envelope-to'] ?? new URLSearchParams(url.split('?')[1] ?? '').getAll('envelope-to').join(', ');
  const list = (Array.isArray(given) ? given.join(', ') : given).trim();
  return list === '' ? null : list;
};

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'message/rfc822') throw new BadUserInput('content-type', 'The body is an e-mail: message/rfc822.');
  if (Number(request.headers['content-length'] ?? 0) > maxInboundBytes) throw tooLong();
  request.setTimeout(idleMs, () => request.destroy());
  const late = setTimeout(() => request.destroy(), bodyMs);
  try {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      // The cast is safe: the request has no encoding, so that it gives bytes.
      const bytes = chunk as Buffer;
      size += bytes.length;
      if (size > maxInboundBytes) throw tooLong();
      chunks.push(bytes);
    }
    if (size === 0) throw new BadUserInput('body', 'The body is empty.');
    return Buffer.concat(chunks);
  } finally {
    clearTimeout(late);
    // What follows is our own work, and takes as long as it does.
    request.setTimeout(0);
  }
};

const tooLong = () => new TooLong(`An e-mail has at most ${maxInboundBytes} bytes.`);
