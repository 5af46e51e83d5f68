/** Files that need so much time or memory that `npm test` leaves them to other scripts. */
export const ONLY_IN_FULL = [
  'test/e2e/broken-bodies.test.ts',
  'test/e2e/kill.test.ts',
  'test/e2e/load.test.ts',
  'test/e2e/memory-load.test.ts',
  'test/e2e/races.test.ts',
  'test/faults/flapping-primary.test.ts',
  'test/security/timing.test.ts',
]
