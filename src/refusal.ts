import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** How long the rest of a refused body may go on arriving, so that its sender gets to read the answer. */
const lingerMs = 2000;

/** A failure as GraphQL's JSON tells it. */
export const failure = (code: string, message: string, extensions: object = {}) => ({
  errors: [{ message, extensions: { ...extensions, code } }],
});

/** Answers with JSON, unless there is an answer already. */
export const json = (response: ServerResponse, status: number, body: object): void => {
  if (response.headersSent) return;
  const text = JSON.stringify(body);
  response.writeHead(status, headersOf(text)).end(text);
};

/**
 * Answers a request whose body nobody will read. Closing at once would make the sender's machine throw the answer away
 * with the connection, so the rest of the body is passed over for a moment first.
 */
export const refuse = async (
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: object,
): Promise<void> => {
  if (request.complete || response.destroyed) return json(response, status, body);
  const text = JSON.stringify(body);
  response.writeHead(status, { ...headersOf(text), connection: 'close' }).write(text);
  request.on('error', () => response.destroy()).resume();
  const timer = setTimeout(() => response.end(), lingerMs);
  request.once('end', () => response.end()).once('close', () => clearTimeout(timer));
};

/** Writes the answer by hand and closes, where Node made no response: what is no HTTP, or a handshake that is refused. */
export const refuseSocket = (socket: Duplex, status: number, body: object): void => {
  // After a handshake Node listens no more, and a client that goes away would end the process.
  socket.on('error', () => socket.destroy());
  if (!socket.writable) return void socket.destroy();
  const text = JSON.stringify(body);
  const headers = Object.entries({ ...headersOf(text), connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...headers, '', text].join('\r\n'), () => socket.destroy());
};

const headersOf = (text: string) => ({
  'content-type': 'application/json; charset=utf-8',
  'content-length': Buffer.byteLength(text),
});
