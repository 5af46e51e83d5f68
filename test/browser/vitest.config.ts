import { defineConfig } from 'vitest/config'

/** Headless Chromium; it needs a system package, so this is not part of `npm test`. */
export default defineConfig({
  test: {
    name: 'browser',
    root: new URL('.', import.meta.url).pathname,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
})
