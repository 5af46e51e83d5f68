import { defineConfig } from 'vitest/config'

const shared = {
  root: new URL('.', import.meta.url).pathname,
  testTimeout: 120_000,
  hookTimeout: 240_000,
  expect: { poll: { timeout: 20_000 } },
}
/** Measures times, so nothing runs beside it. */
const SPEED = '**/dashboard-speed.test.ts'

/** Headless Chromium; it needs a system package, so this is not part of `npm test`. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          name: 'browser',
          exclude: [SPEED, '**/node_modules/**'],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: { ...shared, name: 'speed', include: [SPEED], maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
})
