import { createServer } from 'node:net';
import { DevnetError } from './layout.ts';

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
