import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { maxOperators } from './description.ts';
import { DevnetError, portOffsets } from './layout.ts';

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** @throws {DevnetError} naming each port that something else listens on */
export async function requireFreePorts(ports: Readonly<Record<string, number>>): Promise<void> {
  const busy: string[] = [];
  for (const [what, port] of Object.entries(ports)) {
    if (!(await isFree(port))) busy.push(`port ${port} (${what})`);
  }
  if (busy.length === 0) return;
  throw new DevnetError(
    `Already in use: ${busy.join(', ')}. Stop what listens there, or move all ports of the devnet with ` +
      'TANDEM_DEVNET_PORT_BASE, for example TANDEM_DEVNET_PORT_BASE=8400 npm start.',
  );
}

/** A base whose ports are free now. */
export async function freePortBase(): Promise<number> {
  for (;;) {
    const base = randomInt(20_000, 32_000);
    const ports = Object.fromEntries(portOffsets(maxOperators).map((offset) => [String(offset), base + offset]));
    const free = await requireFreePorts(ports).then(
      () => true,
      () => false,
    );
    if (free) return base;
  }
}
