import { createServer, type AddressInfo, type Socket } from 'node:net';

/** As much of Redis (RESP2) as counting needs: scripts that add to a key which expires, and DEL. */
export const startRedis = async (): Promise<{
  url: string;
  counts: Map<string, number>;
  stop: () => Promise<void>;
}> => {
  const counts = new Map<string, number>();
  const sockets = new Set<Socket>();
  /** The script counts KEYS[1] up by ARGV[1], for ARGV[2] seconds. */
  const count = ([, , key = '', points = '0', seconds = '0']: readonly string[]): string => {
    const consumed = (counts.get(key) ?? 0) + Number(points);
    counts.set(key, consumed);
    return `*2\r\n:${consumed}\r\n:${Number(seconds) * 1000}\r\n`;
  };
  const answers: Readonly<Record<string, (rest: readonly string[]) => string>> = {
    info: () => bulk('redis_version:7.0.0\r\nloading:0\r\n'),
    evalsha: count,
    eval: count,
    del: ([key = '']) => `:${counts.delete(key) ? 1 : 0}\r\n`,
  };
  const server = createServer((socket) => {
    sockets.add(socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy()));
    let received = '';
    socket.setEncoding('utf8').on('data', (part: string) => {
      received += part;
      for (let command = firstCommand(received); command !== undefined; command = firstCommand(received)) {
        received = received.slice(command.length);
        const [name = '', ...rest] = command.words;
        socket.write(answers[name.toLowerCase()]?.(rest) ?? '+OK\r\n');
      }
    });
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((closed) => void server.close(() => closed()));
  };
  return { url: `redis://127.0.0.1:${port}`, counts, stop };
};

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

/** The command that a text begins with, `*<n>` and n times `$<length>`, its words in ASCII; undefined until it is whole. */
const firstCommand = (text: string): { words: string[]; length: number } | undefined => {
  const [head, n] = /^\*(\d+)\r\n/.exec(text) ?? [];
  if (head === undefined) return undefined;
  const words: string[] = [];
  let at = head.length;
  while (words.length < Number(n)) {
    const [size, length] = /^\$(\d+)\r\n/.exec(text.slice(at)) ?? [];
    if (size === undefined || text.length < at + size.length + Number(length) + 2) return undefined;
    at += size.length;
    words.push(text.slice(at, at + Number(length)));
    at += Number(length) + 2;
  }
  return { words, length: at };
};
