import { describe, expect, it } from 'vitest';
import { Recent } from '../../operator-node/store/recent.ts';

describe('Recent', () => {
  it('forgets what was not used, and keeps what was', () => {
    const recent = new Recent(10);
    recent.set('used', 'u', 1);
    for (let n = 0; n < 100; n += 1) {
      recent.set(`k${n}`, n, 1);
      expect(recent.get('used')).toBe('u');
      expect(recent.entries).toBeLessThanOrEqual(12);
    }
    expect(recent.get('k0')).toBeUndefined();
    expect(recent.get('k99')).toBe(99);
  });

  it('keeps what is younger than half of its limit', () => {
    const recent = new Recent(10);
    for (let n = 0; n < 100; n += 1) {
      recent.set(`k${n}`, n, 1);
      for (let back = 0; back < Math.min(n, 5); back += 1) expect(recent.get(`k${n - back}`)).toBe(n - back);
    }
  });

  it('is bounded by size, not by number', () => {
    const recent = new Recent(10);
    recent.set('a', 1, 6);
    recent.set('b', 2, 6);
    expect(recent.get('a')).toBeUndefined();
    expect(recent.get('b')).toBe(2);
  });

  it('has the newest value, and none that was deleted', () => {
    const recent = new Recent(4);
    for (const value of [1, 2, 3, 4, 5]) recent.set('a', value, 1);
    expect(recent.get('a')).toBe(5);
    for (const key of ['b', 'c', 'd']) recent.set(key, 0, 1);
    recent.set('a', 6, 1);
    recent.delete('a');
    expect(recent.get('a')).toBeUndefined();
  });
});
