/** JSON-RPC in its plainest form, for what the devnet asks of its own chain. */
class RpcError extends Error {}

export async function rpc<T>(url: string, method: string, params: readonly unknown[] = []): Promise<T> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const { result, error } = (await answer.json()) as { result?: T; error?: { message: string } };
  if (error !== undefined) throw new RpcError(`${method}: ${error.message}`);
  return result as T;
}
