import { defineConfig } from 'vitest/config'

/** Real clients over sockets; they need the system's packages, so they are no part of `npm test`. */
export default defineConfig({
  test: {
    name: 'clients',
    root: new URL('.', import.meta.url).pathname,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
})
