/** An object of a class as it is, with some of its methods others. */
export function extend<T extends object>(base: T, changes: Partial<T>): T {
  return new Proxy(base, {
    get: (target, name) => {
      const changed: unknown = Reflect.get(changes, name);
      if (changed !== undefined) return changed;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
