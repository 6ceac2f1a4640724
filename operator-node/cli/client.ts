/** A node's HTTP API as the command line, the devnet and the bench call it: connections are kept, answers are typed. */
import { Agent, request } from 'node:http';
import type { Acknowledgement, AlarmView } from '../alarms/alarms.ts';
import type {
  CapState,
  CashMovement,
  Disclosing,
  Discrepancy,
  DisclosureRequest,
  Disposition,
  InboundMessage,
  NewUser,
  NodeServices,
  PairView,
  Readiness,
  SetAsideMessage,
  RequestAnswer,
  RequestView,
  WindowComparison,
  WindowPayment,
  WindowView,
} from '../api/services.ts';
import type { KeyBackupSummary } from '../erasure/key-backup.ts';
import type { ErasureScope, ErasureState } from '../erasure/state.ts';
import type { Diagnosis } from '../recovery/doctor.ts';
import type { Doubt } from '../recovery/doubt.ts';
import type { HaltStatus, ReleaseOrder } from '../recovery/release.ts';
import type { RecoveryStatus } from '../recovery/run.ts';
import type { SnapshotSummary } from '../recovery/snapshot.ts';
import type { OutboundMessage } from '../messaging/gateway.ts';

export interface NodeAccess {
  readonly apiUrl: string;
  readonly gatewayToken: string;
  readonly adminToken: string;
}

/** What a node answered instead of what was asked for; `status` 0: it did not answer at all. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
  }
}

interface RawAnswer {
  readonly status: number;
  readonly body: string;
}

export type Token = 'gateway' | 'admin' | 'none';

const defaultTimeoutMillis = 30_000;

export class NodeClient {
  readonly access: NodeAccess;
  readonly #agent: Agent;
  readonly #timeoutMillis: number;

  constructor(access: NodeAccess, options: { maxSockets?: number; timeoutMillis?: number } = {}) {
    this.access = access;
    this.#agent = new Agent({ keepAlive: true, maxSockets: options.maxSockets ?? 16 });
    this.#timeoutMillis = options.timeoutMillis ?? defaultTimeoutMillis;
  }

  /** One request and its answer as it came; `body` is sent as it is. @throws {ApiError} status 0 where there is no answer */
  raw(method: 'GET' | 'POST', path: string, token: Token, body?: string): Promise<RawAnswer> {
    const url = `${this.access.apiUrl}${path}`;
    const headers: Record<string, string | number> = {};
    if (token !== 'none') {
      headers['authorization'] = `Bearer ${token === 'gateway' ? this.access.gatewayToken : this.access.adminToken}`;
    }
    if (body !== undefined) {
      headers['content-type'] = 'application/json';
      headers['content-length'] = Buffer.byteLength(body);
    }
    return new Promise<RawAnswer>((resolve, reject) => {
      const fail = (cause: Error) => {
        reject(new ApiError(0, 'no-answer', `${url} does not answer: ${cause.message}`, { cause }));
      };
      const outgoing = request(url, { method, headers, agent: this.#agent, timeout: this.#timeoutMillis }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', fail);
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer in ${this.#timeoutMillis} ms`)));
      outgoing.on('error', fail);
      outgoing.end(body);
    });
  }

  /** @throws {ApiError} for every answer that is not 2xx */
  async json<T>(method: 'GET' | 'POST', path: string, token: Token, body?: unknown): Promise<T> {
    const answer = await this.raw(method, path, token, body === undefined ? undefined : JSON.stringify(body));
    if (answer.status >= 200 && answer.status < 300) return JSON.parse(answer.body) as T;
    throw errorOf(answer, `${method} ${path}`);
  }

  send(message: Readonly<Record<keyof InboundMessage, string>>): Promise<{ id: string; disposition: Disposition }> {
    return this.json('POST', '/v1/messages', 'gateway', message);
  }

  phone(number: string, after: string): Promise<{ messages: OutboundMessage[]; cursor: string }> {
    return this.json('GET', `/v1/phones/${encodeURIComponent(number)}/messages?after=${after}`, 'gateway');
  }

  pair(id: string): Promise<PairView> {
    return this.json('GET', `/v1/pairs/${id}`, 'admin');
  }

  /** Byte for byte as the node gave it: any other form is refused by a verifier. */
  async evidence(id: string): Promise<string> {
    const path = `/v1/pairs/${id}/evidence`;
    const answer = await this.raw('GET', path, 'admin');
    if (answer.status !== 200) throw errorOf(answer, `GET ${path}`);
    return answer.body;
  }

  /** Byte for byte, as `evidence`. */
  async journal(id: string, asked: Disclosing): Promise<string> {
    const path = `/v1/pairs/${id}/journal?${new URLSearchParams({ ...asked }).toString()}`;
    const answer = await this.raw('GET', path, 'admin');
    if (answer.status !== 200) throw errorOf(answer, `GET ${path}`);
    return answer.body;
  }

  async setAside(): Promise<readonly SetAsideMessage[]> {
    return (await this.json<{ messages: readonly SetAsideMessage[] }>('GET', '/v1/set-aside', 'admin')).messages;
  }

  async alarms(): Promise<AlarmView[]> {
    return (await this.json<{ alarms: AlarmView[] }>('GET', '/v1/alarms', 'admin')).alarms;
  }

  async acknowledge(seen: Acknowledgement): Promise<AlarmView[]> {
    return (await this.json<{ alarms: AlarmView[] }>('POST', '/v1/alarms/acknowledge', 'admin', seen)).alarms;
  }

  sendAgain(id: string): Promise<{ id: string }> {
    return this.json('POST', '/v1/set-aside/send', 'admin', { id });
  }

  doubt(): Promise<Doubt> {
    return this.json('GET', '/v1/doubt', 'admin');
  }

  backup(kind: 'file' | 'follow'): Promise<SnapshotSummary> {
    return this.json('POST', '/v1/backup', 'admin', { kind });
  }

  backupKeys(): Promise<KeyBackupSummary> {
    return this.json('POST', '/v1/key-backup', 'admin', {});
  }

  erase(user: string, what: ErasureScope): Promise<ErasureState> {
    return this.json('POST', '/v1/erasures', 'admin', { user, what });
  }

  async erasures(): Promise<ErasureState[]> {
    return (await this.json<{ erasures: ErasureState[] }>('GET', '/v1/erasures', 'admin')).erasures;
  }

  doctor(): Promise<Diagnosis> {
    return this.json('GET', '/v1/doctor', 'admin');
  }

  recovery(): Promise<RecoveryStatus> {
    return this.json('GET', '/v1/recovery', 'admin');
  }

  recoverWithout(without: readonly number[]): Promise<RecoveryStatus> {
    return this.json('POST', '/v1/recovery', 'admin', { without });
  }

  halt(): Promise<HaltStatus> {
    return this.json('GET', '/v1/halt', 'admin');
  }

  release(order: ReleaseOrder): Promise<HaltStatus> {
    return this.json('POST', '/v1/halt', 'admin', order);
  }

  /** Byte for byte: it is signed. */
  async doubtFile(): Promise<string> {
    const path = '/v1/doubt?signed=true';
    const answer = await this.raw('GET', path, 'admin');
    if (answer.status !== 200) throw errorOf(answer, `GET ${path}`);
    return answer.body;
  }

  async discrepancies(batch: string | undefined): Promise<Discrepancy[]> {
    const path = `/v1/discrepancies${batch === undefined ? '' : `?batch=${batch}`}`;
    return (await this.json<{ batches: Discrepancy[] }>('GET', path, 'admin')).batches;
  }

  /** For staff: an answer that is no JSON, as it came. @throws {ApiError} for every answer that is not 200 */
  async text(path: string): Promise<string> {
    const answer = await this.raw('GET', path, 'admin');
    if (answer.status !== 200) throw errorOf(answer, `GET ${path}`);
    return answer.body;
  }

  /** Lines of a disclosure file, then one of type `page`. */
  async disclosures(request: DisclosureRequest): Promise<string> {
    const path = '/v1/disclosures';
    const answer = await this.raw('POST', path, 'admin', JSON.stringify(request));
    if (answer.status !== 200) throw errorOf(answer, `POST ${path}`);
    return answer.body;
  }

  async accounts(number: string): Promise<{ asset: string; balance: string; held: string }[]> {
    const path = `/v1/accounts/${encodeURIComponent(number)}`;
    return (await this.json<{ accounts: { asset: string; balance: string; held: string }[] }>('GET', path, 'admin'))
      .accounts;
  }

  async assets(): Promise<{ asset: string; exponent: number }[]> {
    return (await this.json<{ assets: { asset: string; exponent: number }[] }>('GET', '/v1/assets', 'admin')).assets;
  }

  async positions(): Promise<{ operator: number; asset: string; balance: string }[]> {
    const answer = await this.json<{ positions: { operator: number; asset: string; balance: string }[] }>(
      'GET',
      '/v1/positions',
      'admin',
    );
    return answer.positions;
  }

  async windows(counterparty?: string): Promise<WindowView[]> {
    const path = `/v1/windows${counterparty === undefined ? '' : `?counterparty=${encodeURIComponent(counterparty)}`}`;
    return (await this.json<{ windows: WindowView[] }>('GET', path, 'admin')).windows;
  }

  closeWindow(counterparty: string): Promise<WindowView> {
    return this.json('POST', '/v1/windows', 'admin', { counterparty });
  }

  dischargeWindow(payment: Readonly<Record<Exclude<keyof WindowPayment, 'number'>, string>> & { number: number }) {
    return this.json<WindowView>('POST', '/v1/windows/discharge', 'admin', payment);
  }

  compareWindow(counterparty: string): Promise<WindowComparison> {
    return this.json('POST', '/v1/windows/compare', 'admin', { counterparty });
  }

  /** All of them, page by page. */
  async requests(): Promise<RequestView[]> {
    const found: RequestView[] = [];
    let from: number | undefined = 0;
    while (from !== undefined) {
      const path = `/v1/requests${from === 0 ? '' : `?after=${from}`}`;
      const page: { requests: RequestView[]; after?: number } = await this.json('GET', path, 'admin');
      found.push(...page.requests);
      from = page.after;
    }
    return found;
  }

  answerRequest(answer: RequestAnswer): Promise<RequestView> {
    return this.json('POST', '/v1/requests/answer', 'admin', answer);
  }

  async caps(): Promise<CapState[]> {
    return (await this.json<{ caps: CapState[] }>('GET', '/v1/caps', 'admin')).caps;
  }

  setCap(cap: { counterparty: string; asset: string; cap: string }): Promise<{ operator: number; agreed?: string }> {
    return this.json('POST', '/v1/caps', 'admin', cap);
  }

  async users(): Promise<Awaited<ReturnType<NodeServices['users']>>> {
    return (await this.json<{ users: Awaited<ReturnType<NodeServices['users']>> }>('GET', '/v1/users', 'admin')).users;
  }

  createUser(user: NewUser): Promise<{ number: string; created: boolean }> {
    return this.json('POST', '/v1/users', 'admin', user);
  }

  cash(
    way: 'deposits' | 'withdrawals',
    movement: Readonly<Record<keyof CashMovement, string>>,
  ): Promise<{ asset: string; balance: string }> {
    return this.json('POST', `/v1/${way}`, 'admin', movement);
  }

  /** What `/readyz` says; undefined where the node does not answer. */
  async readiness(): Promise<Readiness | undefined> {
    try {
      const { body } = await this.raw('GET', '/readyz', 'none');
      return JSON.parse(body) as Readiness;
    } catch (error) {
      if (error instanceof ApiError && error.status === 0) return undefined;
      throw error;
    }
  }

  close(): void {
    this.#agent.destroy();
  }
}

function errorOf({ status, body }: RawAnswer, what: string): ApiError {
  try {
    const { error } = JSON.parse(body) as { error: { code: string; message: string } };
    return new ApiError(status, error.code, error.message);
  } catch {
    return new ApiError(status, 'unexpected', `${what}: HTTP ${status}: ${body.slice(0, 200)}`);
  }
}
