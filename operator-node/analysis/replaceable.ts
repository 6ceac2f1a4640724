/** The analysis unit of a node whose catalogue can be read again while it runs. */
import type { Analysis, Money, NoticeKey, ServicePlan, ServiceTextKey, TextParams } from './analysis.ts';
import type { LoadedAnalysis } from './load.ts';

export class ReplaceableAnalysis implements Analysis {
  #current: LoadedAnalysis;
  /** Services that a catalogue before had and this one has not: pairs of theirs that were ordered meanwhile still finish. */
  readonly #gone = new Map<string, LoadedAnalysis>();

  constructor(first: LoadedAnalysis) {
    this.#current = first;
  }

  replace(next: LoadedAnalysis): void {
    for (const service of this.#current.services) this.#gone.set(service, this.#current);
    this.#current = next;
  }

  get languages(): readonly string[] {
    return this.#current.languages;
  }

  get services(): readonly string[] {
    return this.#current.services;
  }

  read(...message: Parameters<Analysis['read']>): ReturnType<Analysis['read']> {
    return this.#current.read(...message);
  }

  plan(service: string): ServicePlan | undefined {
    return this.#current.plan(service);
  }

  fee(service: string, money: Money): ReturnType<Analysis['fee']> {
    return this.#current.fee(service, money);
  }

  serviceText(service: string, key: ServiceTextKey, language: string, params: TextParams): string {
    const known =
      this.#current.plan(service) === undefined ? (this.#gone.get(service) ?? this.#current) : this.#current;
    return known.serviceText(service, key, language, params);
  }

  notice(key: NoticeKey, language: string, params: TextParams): string {
    return this.#current.notice(key, language, params);
  }

  money(money: Money, language: string): string {
    return this.#current.money(money, language);
  }
}
